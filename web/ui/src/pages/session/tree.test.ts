import { describe, expect, it } from 'vitest';
import { ancestors, at, branches, bytesOf, covering, label, move, opening, parent, rows, treeText, withLines } from './tree';
import type { TreeNode } from './types';

const n = (name: string, offset: number, length: number, ...children: TreeNode[]): TreeNode => ({ name, value: '', offset, length, children });

/** Frame over all, Ethernet 0..14, IP 14..34 with flags whose bits share two bytes. */
const tree: TreeNode[] = [
  n('Frame', 0, 60, n('Arrival Time', 0, 0)),
  n('Ethernet', 0, 14, n('Destination', 0, 6), n('Source', 6, 6), n('Type', 12, 2)),
  n('IP', 14, 20, n('Version', 14, 1), n('Header Length', 14, 1), n('Flags', 20, 2, n("Don't fragment", 20, 2), n('More', 20, 2)), n('Fragment Offset', 20, 2)),
  n('Payload', 34, 20),
];

describe('covering', () => {
  it.each([
    [0, '1.0', 'the field, not its header or the frame'],
    [11, '1.1', 'the last byte of a field'],
    [13, '1.2', 'the second byte'],
    [14, '2.0', 'the first of fields that share a byte'],
    [20, '2.2.0', 'the innermost of equal ones'],
    [30, '2', 'the header where no field is'],
    [40, '3', 'payload'],
    [58, '0', 'padding is of the frame alone'],
    [60, '', 'nothing beyond the end'],
  ])('byte %d: %s, %s', (byte, want) => expect(covering(tree, byte)).toBe(want));

  it('finds the way back: the node that covers a byte has that byte', () => {
    for (let byte = 0; byte < 60; byte++) {
      const [from, to] = bytesOf(at(tree, covering(tree, byte)))!;
      expect(byte).toBeGreaterThanOrEqual(from);
      expect(byte).toBeLessThan(to);
    }
  });
});

it('shows what is open', () => {
  const list = rows(tree, new Set(['2', '2.2']));
  expect(list.map((r) => r.path)).toEqual(['0', '1', '2', '2.0', '2.1', '2.2', '2.2.0', '2.2.1', '2.3', '3']);
  expect(list[6]).toMatchObject({ level: 3, position: 1, siblings: 2, open: undefined });
  expect(list[5]!.open).toBe(true);
  expect(list[0]!.open).toBe(false);
});

it('knows paths', () => {
  expect(at(tree, '2.2.1')?.name).toBe('More');
  expect(at(tree, '2.9')).toBeUndefined();
  expect(at(tree, '__proto__')).toBeUndefined();
  expect(at(tree, '')).toBeUndefined();
  expect(ancestors('2.2.1')).toEqual(['2', '2.2']);
  expect(parent('2')).toBe('');
  expect(branches(tree)).toEqual(['0', '1', '2', '2.2']);
  expect(bytesOf(at(tree, '0.0'))).toBeNull();
});

it('moves by keys as trees do', () => {
  const closed = rows(tree, new Set());
  const open = rows(tree, new Set(['2']));
  expect(move(closed, '2', 'ArrowRight')).toEqual({ path: '2', open: '2' });
  expect(move(open, '2', 'ArrowRight')).toEqual({ path: '2.0' });
  expect(move(open, '2.0', 'ArrowLeft')).toEqual({ path: '2' });
  expect(move(open, '2', 'ArrowLeft')).toEqual({ path: '2', close: '2' });
  expect(move(open, '2.3', 'ArrowDown')).toEqual({ path: '3' });
  expect(move(open, '0', 'ArrowUp')).toEqual({ path: '0' });
  expect(move(open, '0', 'End')).toEqual({ path: '3' });
  expect(move(open, '', 'ArrowDown')).toEqual({ path: '0' });
  expect(move(open, '2', 'Enter')).toEqual({ path: '2', close: '2' });
  expect(move(open, '2', 'x')).toBeNull();
});

it('writes nodes', () => {
  expect(label({ name: 'Type', value: 'IPv4 (0x0800)', offset: 0, length: 2 })).toBe('Type: IPv4 (0x0800)');
  expect(label({ name: 'Ethernet II', value: 'Src: a, Dst: b', offset: 0, length: 14, children: tree })).toBe('Ethernet II, Src: a, Dst: b');
  expect(label({ name: 'No-Operation', value: '', offset: 0, length: 1 })).toBe('No-Operation');
  expect(treeText([tree[1]!])).toBe('Ethernet\n    Destination\n    Source\n    Type');
});

it('opens the innermost header, and what it has one of only', () => {
  const record = n('Record', 4, 6, n('Type', 4, 1), n('Handshake', 5, 5, n('Type', 5, 1)));
  expect(opening([n('Head', 0, 4, n('a', 0, 4)), n('TLS', 4, 6, record)])).toEqual(['1', '1.0']);
  expect(opening([n('Head', 0, 4, n('a', 0, 4)), n('TLS', 4, 12, record, record)])).toEqual(['1']);
});

it('gives a payload of text its lines, which cover its bytes', () => {
  const data = new TextEncoder().encode('HHHHGET / HTTP/1.1\r\nHost: <b>\r\n\r\n');
  const lines = withLines([n('Head', 0, 4, n('a', 0, 4)), n('TCP payload', 4, data.length - 4)], data);
  expect(lines[1]!.children!.map((c) => [c.name, c.offset, c.length])).toEqual([
    ['GET / HTTP/1.1', 4, 16],
    ['Host: <b>', 20, 11],
    ['␤', 31, 2],
  ]);
  expect(covering(lines, 22)).toBe('1.1');
  expect(opening(lines)).toEqual(['0', '1']);
  const binary = Uint8Array.from([0, 1, 2, 3]);
  expect(withLines([n('UDP payload', 0, 4)], binary)[0]!.children).toEqual([]);
  expect(withLines([n('UDP payload', 0, 400)], new Uint8Array(2).fill(65))[0]!.children!.length).toBe(1);
});
