// Rows of the packet list, its pages, and what of a packet is selected.

import { Mark, markText, marksOf, TROUBLE, type Range } from './ladder';
import { opening } from './tree';
import type { Packet, TreeNode } from './types';

/** Packets fetched in one request, and in one page of a large session. */
export const REQUEST = 2000;
export const PAGE = 20_000;

/** How a row of the packet list is coloured; the row says the same in words. */
export type Tone = 'trouble' | 'note' | 'handshake' | 'data' | 'bare';

/** The tone of a packet: what is wrong comes before what it is. */
export function toneOf(p: Packet): Tone {
  const m = marksOf(p);
  if (m & TROUBLE) return 'trouble';
  if (m & (Mark.duplicateAck | Mark.keepalive)) return 'note';
  if (m & (Mark.syn | Mark.fin)) return 'handshake';
  return p.payload > 0 ? 'data' : 'bare';
}

/** What the analysis says of a packet, beside its own flags: "retransmission, gap"; empty if nothing. */
export function findingText(p: Packet): string {
  return markText(marksOf({ ...p, tcp: undefined }));
}

/** Short names of headers, as lists show them; others are shown as they are. */
const short: Record<string, string> = {
  'Transmission Control Protocol': 'TCP',
  'User Datagram Protocol': 'UDP',
  'Stream Control Transmission Protocol': 'SCTP',
  'Internet Protocol Version 4': 'IPv4',
  'Internet Protocol Version 6': 'IPv6',
  'Internet Control Message Protocol': 'ICMP',
  'Internet Control Message Protocol v6': 'ICMPv6',
  'Internet Control Message Protocol Version 6': 'ICMPv6',
  'Address Resolution Protocol': 'ARP',
  'Internet Group Management Protocol': 'IGMP',
  'Ethernet II': 'Ethernet',
};

/** The protocol of a packet, in short. */
export function protocolText(p: Packet): string {
  return short[p.protocol] ?? p.protocol;
}

/** Pages of a session of so many packets; at least one. */
export function pages(total: number): number {
  return Math.max(1, Math.ceil(total / PAGE));
}

/** The page (from 1) that holds packet number. */
export function pageOf(number: number): number {
  return Math.max(1, Math.ceil(number / PAGE));
}

/** A selection within a packet, as URLs hold it: a node of the tree ("2.5"), or bytes ("b34-37", both ends included). */
export type Selection = { path: string } | { from: number; to: number } | null;

/** Reads what selectionText wrote; null if it is nothing of that kind. */
export function parseSelection(text: string): Selection {
  if (/^\d+(\.\d+)*$/.test(text)) return { path: text };
  const m = /^b(\d{1,9})(?:-(\d{1,9}))?$/.exec(text);
  if (!m) return null;
  const from = Number(m[1]);
  const to = m[2] === undefined ? from : Number(m[2]);
  return to < from ? null : { from, to: to + 1 };
}

/** A selection as text; empty for none. */
export function selectionText(s: Selection): string {
  if (!s) return '';
  if ('path' in s) return s.path;
  return s.to - s.from <= 1 ? `b${s.from}` : `b${s.from}-${s.to - 1}`;
}

/** The path of a packet's innermost header, which is what most look for. */
export function innermost(tree: TreeNode[]): string {
  return opening(tree)[0] ?? (tree.length ? String(tree.length - 1) : '');
}

/** What a packet says in a line: what it carries, or of TCP alone what its analysts read first. */
export function infoText(p: Packet): string {
  const t = p.tcp;
  if (!t || p.protocol !== 'Transmission Control Protocol') return p.info;
  const ack = t.flags.includes('ACK') ? ` Ack=${t.relative_ack ?? t.ack}` : '';
  return `${t.flags.join(', ')}  Seq=${t.relative_seq ?? t.seq}${ack} Win=${t.window} Len=${p.payload}`;
}

/** Reads what rangeText wrote; undefined if it is nothing of that kind. */
export function parseRange(text: string): Range | undefined {
  const m = /^(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)$/.exec(text);
  if (!m) return undefined;
  const range = { from: Number(m[1]), to: Number(m[2]) };
  return range.to > range.from ? range : undefined;
}

/** A range of the ladder as URLs hold it: "1200..5000". */
export function rangeText(r: Range): string {
  const digits = r.to - r.from < 100 ? 2 : 0;
  return `${+r.from.toFixed(digits)}..${+r.to.toFixed(digits)}`;
}
