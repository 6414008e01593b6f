// The decoded tree of a packet and its bytes, each found from the other. A node is named by its path: places among its
// siblings from 0, joined by dots ("2.5.1"), which is what URLs hold.

import { looksLikeText, visible } from '../../lib/bytes';
import type { TreeNode } from './types';

/** A node that is shown. */
export interface Row {
  path: string;
  node: TreeNode;
  /** From 1, as aria-level counts. */
  level: number;
  /** Place among its siblings, from 1, and how many they are. */
  position: number;
  siblings: number;
  /** Undefined if it has no children. */
  open: boolean | undefined;
}

/** The rows to show: all nodes whose ancestors are open. */
export function rows(tree: TreeNode[], open: ReadonlySet<string>): Row[] {
  const out: Row[] = [];
  const walk = (nodes: TreeNode[], prefix: string, level: number) => {
    nodes.forEach((node, i) => {
      const path = prefix + i;
      const has = !!node.children?.length;
      const isOpen = has && open.has(path);
      out.push({ path, node, level, position: i + 1, siblings: nodes.length, open: has ? isOpen : undefined });
      if (isOpen) walk(node.children!, path + '.', level + 1);
    });
  };
  walk(tree, '', 1);
  return out;
}

/** The node at a path; undefined if there is none. */
export function at(tree: TreeNode[], path: string): TreeNode | undefined {
  if (!/^\d+(\.\d+)*$/.test(path)) return undefined;
  let nodes: TreeNode[] | undefined = tree;
  let node: TreeNode | undefined;
  for (const part of path.split('.')) {
    node = nodes?.[Number(part)];
    nodes = node?.children;
  }
  return node;
}

/** The paths above a path, outermost first. */
export function ancestors(path: string): string[] {
  const parts = path.split('.');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('.'));
}

/** The path above a path; empty at the top. */
export function parent(path: string): string {
  const cut = path.lastIndexOf('.');
  return cut < 0 ? '' : path.slice(0, cut);
}

/** All paths of nodes that have children. */
export function branches(tree: TreeNode[], prefix = ''): string[] {
  return tree.flatMap((node, i) =>
    node.children?.length ? [prefix + i, ...branches(node.children, `${prefix + i}.`)] : [],
  );
}

/**
 * The path of the node that says most about a byte: the shortest that covers it, of equal ones the innermost, of
 * siblings that share their bytes (bits of one byte) the first. Empty if none covers it.
 */
export function covering(tree: TreeNode[], byte: number): string {
  let best = '';
  let bestLength = Infinity;
  const walk = (nodes: TreeNode[], prefix: string) => {
    nodes.forEach((node, i) => {
      const path = prefix + i;
      const inside = byte >= node.offset && byte < node.offset + node.length;
      const deeper = best !== '' && path.startsWith(best + '.');
      if (inside && (node.length < bestLength || (node.length === bestLength && deeper))) {
        best = path;
        bestLength = node.length;
      }
      if (node.children) walk(node.children, path + '.');
    });
  };
  walk(tree, '');
  return best;
}

/** The bytes of a node as [first, one past the last]; null if it has none. */
export function bytesOf(node: TreeNode | undefined): [number, number] | null {
  return node && node.length > 0 ? [node.offset, node.offset + node.length] : null;
}

/** A tree as indented text, to copy. */
export function treeText(tree: TreeNode[], level = 0): string {
  return tree
    .map((node) => {
      const line = '    '.repeat(level) + label(node);
      return node.children?.length ? `${line}\n${treeText(node.children, level + 1)}` : line;
    })
    .join('\n');
}

/** A node in one line. */
export function label(node: TreeNode): string {
  if (!node.value) return node.name;
  return node.children?.length && /: /.test(node.value) ? `${node.name}, ${node.value}` : `${node.name}: ${node.value}`;
}

/** Where a key leads from a row. */
export interface Move {
  /** Path to go to; the same if none. */
  path: string;
  open?: string;
  close?: string;
}

/**
 * What a key does in a tree (the tree view pattern of the ARIA practices): up and down go to the next row shown, right
 * opens or goes in, left closes or goes out, Home and End go to the ends. Null for other keys.
 */
export function move(list: Row[], path: string, key: string): Move | null {
  const i = list.findIndex((r) => r.path === path);
  const row = list[i];
  if (!row) return list[0] && isMove(key) ? { path: list[0].path } : null;
  switch (key) {
    case 'ArrowDown':
      return { path: list[Math.min(i + 1, list.length - 1)]!.path };
    case 'ArrowUp':
      return { path: list[Math.max(i - 1, 0)]!.path };
    case 'Home':
      return { path: list[0]!.path };
    case 'End':
      return { path: list[list.length - 1]!.path };
    case 'ArrowRight':
      if (row.open === undefined) return { path };
      return row.open ? { path: path + '.0' } : { path, open: path };
    case 'ArrowLeft':
      if (row.open) return { path, close: path };
      return { path: parent(path) || path };
    case 'Enter':
    case ' ':
      if (row.open === undefined) return { path };
      return row.open ? { path, close: path } : { path, open: path };
  }
  return null;
}

function isMove(key: string): boolean {
  return ['ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(key);
}

/** The paths that are open when a packet is first shown: the innermost header, what it has one of only, and the payload behind it. */
export function opening(tree: TreeNode[]): string[] {
  const last = tree.findLastIndex((n) => n.children?.length && !isPayload(n));
  return tree.flatMap((n, i) => (n.children?.length && (i === last || isPayload(n)) ? onlyBranches(n, String(i)) : []));
}

/** A branch, and within it every branch that is the only child. */
function onlyBranches(node: TreeNode, path: string): string[] {
  const [only, ...others] = node.children!;
  return only!.children?.length && !others.length ? [path, ...onlyBranches(only!, path + '.0')] : [path];
}

function isPayload(node: TreeNode): boolean {
  return /payload|data$/i.test(node.name);
}

/** Most lines of a payload that are nodes of their own. */
const mostLines = 200;

/** A tree whose payload, where it is text, has its lines as nodes, so that each is found in the bytes. */
export function withLines(tree: TreeNode[], data: Uint8Array): TreeNode[] {
  return tree.map((node) => {
    if (node.children?.length || !isPayload(node) || !node.length) return node;
    const end = Math.min(node.offset + node.length, data.length);
    if (!looksLikeText(data.subarray(node.offset, end))) return node;
    const children: TreeNode[] = [];
    for (let at = node.offset; at < end && children.length < mostLines; ) {
      const feed = data.indexOf(0x0a, at);
      const next = feed < 0 || feed >= end ? end : feed + 1;
      children.push({ name: visible(data.subarray(at, Math.min(next, at + 1000))).replace(/\n$/, '') || '\u2424', value: '', offset: at, length: next - at });
      at = next;
    }
    return { ...node, children };
  });
}
