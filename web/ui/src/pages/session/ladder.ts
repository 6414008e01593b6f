// Geometry of the ladder: packets over time, those of the client above the axis, those of the server below. Nothing here
// draws; columns says what stands in each column of pixels, so that very many packets cost no more to draw than fit the width.

import { formatCount, formatDuration, parseTime } from '../../lib/format';
import type { Packet } from './types';

/** What a packet is or what is wrong with it, as bits. */
export const Mark = {
  syn: 1,
  fin: 2,
  rst: 4,
  retransmission: 8,
  gap: 16,
  outOfOrder: 32,
  duplicateAck: 64,
  zeroWindow: 128,
  keepalive: 256,
} as const;

const findings: Record<string, number> = {
  retransmission: Mark.retransmission,
  gap: Mark.gap,
  out_of_order: Mark.outOfOrder,
  duplicate_ack: Mark.duplicateAck,
  zero_window: Mark.zeroWindow,
  keepalive: Mark.keepalive,
  reset: Mark.rst,
};

/** What is wrong, not merely noted. */
export const TROUBLE = Mark.rst | Mark.retransmission | Mark.gap | Mark.outOfOrder | Mark.zeroWindow;

/** What marks are called, in the order in which they are told. */
export const markNames: [number, string, string][] = [
  [Mark.syn, 'SYN', 'SYN'],
  [Mark.fin, 'FIN', 'FIN'],
  [Mark.rst, 'reset', 'resets'],
  [Mark.retransmission, 'retransmission', 'retransmissions'],
  [Mark.gap, 'gap', 'gaps'],
  [Mark.outOfOrder, 'out of order', 'out of order'],
  [Mark.duplicateAck, 'duplicate ACK', 'duplicate ACKs'],
  [Mark.zeroWindow, 'zero window', 'zero windows'],
  [Mark.keepalive, 'keep-alive', 'keep-alives'],
];

/** The marks of one packet. */
export function marksOf(p: Packet): number {
  let m = 0;
  for (const f of p.tcp?.flags ?? []) m |= f === 'SYN' ? Mark.syn : f === 'FIN' ? Mark.fin : f === 'RST' ? Mark.rst : 0;
  for (const f of p.analysis ?? []) m |= findings[f] ?? 0;
  return m;
}

/** Names of marks, for one packet: "SYN", "retransmission, gap". */
export function markText(marks: number): string {
  return markNames
    .filter(([bit]) => marks & bit)
    .map(([, one]) => one)
    .join(', ');
}

/** Packets made ready for drawing. All arrays have an element a packet, in time order. */
export interface Ladder {
  count: number;
  /** What time counts from, ns since the epoch: the first packet of the session. */
  base: bigint;
  /** Nanoseconds since base; never falls. */
  time: Float64Array;
  /** 0 client, 1 server. */
  side: Uint8Array;
  payload: Uint32Array;
  marks: Uint16Array;
  /** Largest payload. */
  most: number;
  /** Nanoseconds from the first to the last packet. */
  span: number;
}

/**
 * Packets (in time order) made ready; start is the time of the session's first packet, if these are not its first. A packet
 * whose clock went back stands where the one before it stands.
 */
export function prepare(packets: Packet[], start?: bigint): Ladder {
  const n = packets.length;
  const first = (n && parseTime(packets[0]!.time)) || 0n;
  const ladder: Ladder = {
    count: n,
    base: start !== undefined && start < first ? start : first,
    time: new Float64Array(n),
    side: new Uint8Array(n),
    payload: new Uint32Array(n),
    marks: new Uint16Array(n),
    most: 0,
    span: 0,
  };
  packets.forEach((p, i) => {
    const t = parseTime(p.time);
    const ns = t === undefined ? 0 : Number(t - ladder.base);
    ladder.time[i] = Math.max(ns, i ? ladder.time[i - 1]! : 0);
    ladder.side[i] = p.from === 'client' ? 0 : 1;
    ladder.payload[i] = Math.min(Math.max(p.payload, 0), 0xffffffff);
    ladder.marks[i] = marksOf(p);
    ladder.most = Math.max(ladder.most, ladder.payload[i]!);
  });
  ladder.span = n ? ladder.time[n - 1]! - ladder.time[0]! : 0;
  return ladder;
}

/** What x counts: nanoseconds since the first packet, or packets, so that silence takes no room. */
export type Axis = 'time' | 'order';

/** A part of the axis, in its unit. */
export interface Range {
  from: number;
  to: number;
}

/** The whole axis, with a little room so that no packet stands on the border. */
export function whole(l: Ladder, axis: Axis): Range {
  const first = axis === 'time' ? (l.time[0] ?? 0) : 0;
  const length = axis === 'time' ? l.span : Math.max(l.count - 1, 0);
  const room = length > 0 ? length * 0.02 : axis === 'time' ? 1000 : 1;
  return { from: first - room, to: first + length + room };
}

/** Where packet i stands on the axis. */
export function place(l: Ladder, axis: Axis, i: number): number {
  return axis === 'time' ? l.time[i]! : i;
}

/** Number of packets that stand before v. */
export function before(l: Ladder, axis: Axis, v: number): number {
  let lo = 0;
  let hi = l.count;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (place(l, axis, mid) < v) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** What stands in one column of pixels on one side. */
export interface Column {
  /** Left border, in pixels. */
  x: number;
  side: 0 | 1;
  packets: number;
  /** Packets with payload. */
  data: number;
  /** Largest payload, as a share of the largest of the session: square root, so that small ones are seen. */
  height: number;
  /** All marks of its packets. */
  marks: number;
  /** First packet, from 0. */
  first: number;
}

/** The columns of a range that is width pixels wide, each of step pixels; client first, from left to right. */
export function columns(l: Ladder, axis: Axis, range: Range, width: number, step: number): Column[] {
  const sides: Column[][] = [[], []];
  const scale = width / (range.to - range.from);
  const end = before(l, axis, range.to);
  for (let i = before(l, axis, range.from); i < end; i++) {
    const side = l.side[i]! as 0 | 1;
    const x = Math.floor(((place(l, axis, i) - range.from) * scale) / step) * step;
    const list = sides[side]!;
    let c = list[list.length - 1];
    if (!c || c.x !== x) {
      c = { x, side, packets: 0, data: 0, height: 0, marks: 0, first: i };
      list.push(c);
    }
    c.packets++;
    c.marks |= l.marks[i]!;
    if (l.payload[i]!) {
      c.data++;
      c.height = Math.max(c.height, Math.sqrt(l.payload[i]! / l.most));
    }
  }
  return [...sides[0]!, ...sides[1]!];
}

/** Letters of marks, those in trouble first; ✕ is what Wireshark's users look for. */
const letters: [number, string][] = [
  [Mark.rst, 'R'],
  [Mark.retransmission, '✕'],
  [Mark.zeroWindow, 'Z'],
  [Mark.outOfOrder, 'O'],
  [Mark.syn, 'S'],
  [Mark.fin, 'F'],
  [Mark.duplicateAck, 'D'],
  [Mark.keepalive, 'K'],
];

/** Letters at a column. */
export interface Label {
  x: number;
  /** Height of the column below them, as Column has it; 0 without payload. */
  height: number;
  side: 0 | 1;
  text: string;
  trouble: boolean;
}

/** Letters for the marks of columns, as far as they fit beside each other; those in trouble take the room first. */
export function labels(list: Column[], letterWidth: number): Label[] {
  const taken: [number, number][][] = [[], []];
  const out: Label[] = [];
  const place = (c: Column) => {
    const found = letters.filter(([bit]) => c.marks & bit);
    if (!found.length) return;
    const text = found.slice(0, 2).map(([, letter]) => letter).join('');
    const half = (text.length * letterWidth) / 2;
    const span: [number, number] = [c.x - half, c.x + half];
    const lane = taken[c.side]!;
    if (lane.some(([a, b]) => span[0] < b && a < span[1])) return;
    lane.push(span);
    out.push({ x: c.x, height: c.data ? c.height : 0, side: c.side, text, trouble: (c.marks & TROUBLE) !== 0 });
  };
  for (const c of list) if (c.marks & TROUBLE) place(c);
  for (const c of list) if (!(c.marks & TROUBLE)) place(c);
  return out;
}

/** A stretch in which bytes of one side were lost, in pixels. */
export interface GapBand {
  side: 0 | 1;
  x: number;
  width: number;
}

/** Gaps: from the packet of that side before to the one behind the hole. */
export function gapBands(l: Ladder, axis: Axis, range: Range, width: number): GapBand[] {
  const out: GapBand[] = [];
  const last = [-1, -1];
  const scale = width / (range.to - range.from);
  const pixel = (i: number) => (place(l, axis, i) - range.from) * scale;
  for (let i = 0; i < l.count; i++) {
    const side = l.side[i]! as 0 | 1;
    if (l.marks[i]! & Mark.gap) {
      const to = pixel(i);
      const from = last[side]! >= 0 ? pixel(last[side]!) : to - 6;
      const w = Math.max(to - from, 4);
      if (to > 0 && to - w < width) out.push({ side, x: to - w, width: w });
    }
    last[side] = i;
  }
  return out;
}

/** The packet nearest to x pixels, on one side if side is given; -1 if none is within reach pixels. */
export function hit(
  l: Ladder,
  axis: Axis,
  range: Range,
  width: number,
  x: number,
  side: 0 | 1 | undefined,
  reach = 12,
): number {
  const scale = width / (range.to - range.from);
  const v = range.from + x / scale;
  const limit = reach / scale;
  let best = -1;
  let distance = Infinity;
  const start = before(l, axis, v - limit);
  const end = before(l, axis, v + limit + Number.EPSILON);
  for (let i = start; i < end; i++) {
    if (side !== undefined && l.side[i] !== side) continue;
    const d = Math.abs(place(l, axis, i) - v);
    if (d < distance) [best, distance] = [i, d];
  }
  return best;
}

/** A range scaled by factor (below 1 is nearer) around a point, kept within the whole and not below least. */
export function zoom(range: Range, around: number, factor: number, all: Range, least: number): Range {
  const size = Math.min(Math.max((range.to - range.from) * factor, least), all.to - all.from);
  const share = (around - range.from) / (range.to - range.from);
  return clamp({ from: around - size * share, to: around + size * (1 - share) }, all);
}

/** A range moved, kept within the whole. */
export function pan(range: Range, by: number, all: Range): Range {
  return clamp({ from: range.from + by, to: range.to + by }, all);
}

/** A range moved so that it lies within all; all itself if it is larger. */
export function clamp(range: Range, all: Range): Range {
  const size = range.to - range.from;
  if (size >= all.to - all.from) return { ...all };
  const from = Math.min(Math.max(range.from, all.from), all.to - size);
  return { from, to: from + size };
}

/** The range moved just so far that v is seen. */
export function reveal(range: Range, v: number, all: Range): Range {
  if (v >= range.from && v <= range.to) return range;
  const size = range.to - range.from;
  return clamp({ from: v - size / 2, to: v + size / 2 }, all);
}

/** A packet worth telling, for the table of events. */
export interface LadderEvent {
  index: number;
  side: 0 | 1;
  marks: number;
}

/** Packets with marks, at most limit of them; those in trouble come before the others if not all fit. */
export function events(l: Ladder, limit: number): LadderEvent[] {
  const all: LadderEvent[] = [];
  const trouble: LadderEvent[] = [];
  for (let i = 0; i < l.count; i++) {
    const marks = l.marks[i]!;
    if (!marks) continue;
    const e = { index: i, side: l.side[i]! as 0 | 1, marks };
    if (all.length < limit) all.push(e);
    if (marks & TROUBLE && trouble.length < limit) trouble.push(e);
  }
  if (all.length < limit || trouble.length === 0) return all;
  const kept = new Set(trouble.map((e) => e.index));
  return [...trouble, ...all.filter((e) => !kept.has(e.index)).slice(0, limit - trouble.length)].sort(
    (a, b) => a.index - b.index,
  );
}

/** The ladder in words. */
export function summary(l: Ladder): string {
  if (!l.count) return 'No packets.';
  const packets = [0, 0];
  const bytes = [0, 0];
  const counts = new Map<number, number>();
  for (let i = 0; i < l.count; i++) {
    packets[l.side[i]!]!++;
    bytes[l.side[i]!]! += l.payload[i]!;
    for (const [bit] of markNames) if (l.marks[i]! & bit) counts.set(bit, (counts.get(bit) ?? 0) + 1);
  }
  const marks = markNames
    .filter(([bit]) => counts.has(bit))
    .map(([bit, one, many]) => `${formatCount(counts.get(bit)!)} ${counts.get(bit) === 1 ? one : many}`);
  const side = (name: string, k: number) =>
    `${formatCount(packets[k]!)} from the ${name} with ${formatCount(bytes[k]!)} bytes of payload`;
  return (
    `${formatCount(l.count)} ${l.count === 1 ? 'packet' : 'packets'} in ${formatDuration(l.span)}: ${side('client', 0)}, ${side('server', 1)}.` +
    (marks.length ? ` ${marks.join(', ')}.` : '')
  );
}
