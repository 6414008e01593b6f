// The transactions of a session over its time.

import { number, text } from '../../record/fields';
import type { Ladder, Range } from './ladder';
import type { Rec } from '../../lib/api';
import { parseTime } from '../../lib/format';

/** Which part of a transaction a stretch of its bar is. */
export type PhaseName = 'handshake' | 'send' | 'wait' | 'receive' | 'whole';

/** What phases are called. */
export const phaseText: Record<PhaseName, string> = {
  handshake: 'TCP handshake',
  send: 'sending the request',
  wait: 'waiting for the response',
  receive: 'receiving the response',
  whole: 'until the response',
};

/** A part of a bar. */
export interface Phase {
  name: PhaseName;
  /** Nanoseconds since the waterfall's beginning. */
  from: number;
  to: number;
}

/** A transaction in the waterfall. */
export interface Bar {
  id: string;
  /** Nanoseconds since the waterfall's beginning. */
  from: number;
  to: number;
  phases: Phase[];
  error: boolean;
}

/** A session's transactions over its time. */
export interface Waterfall {
  /** Time of its beginning, ns since the epoch. */
  base: bigint;
  /** Nanoseconds; at least 1. */
  span: number;
  bars: Bar[];
  /** The connection's own handshake, if it had one. */
  handshake: Phase | undefined;
}

/**
 * The waterfall of a session and its transactions, which lie on the session's time. Where the packets (all of the
 * session) are at hand, a bar is parted into sending, waiting and receiving: a request is sent until its last packet
 * before the first of the response comes. Transactions that overlap others cannot be parted, for nobody knows whose
 * packets are whose.
 */
export function waterfall(session: Rec, transactions: Rec[], packets?: Ladder): Waterfall {
  const start = parseTime(text(session, 'event.start')) ?? 0n;
  const times = transactions.map((r) => parseTime(text(r, 'event.start')) ?? start);
  const base = times.reduce((a, b) => (b < a ? b : a), start);
  const bars = transactions.map((r, i) => bar(r, Number(times[i]! - base)));
  if (packets) for (const b of bars) if (alone(b, bars)) b.phases = part(b, packets, Number(packets.base - base));
  const end = Number((parseTime(text(session, 'event.end')) ?? start) - base);
  const length = number(session, 'tcp.handshake');
  const shake = Number(start - base);
  return {
    base,
    span: bars.reduce((n, b) => Math.max(n, b.to), Math.max(end, 1)),
    bars,
    handshake: length > 0 ? { name: 'handshake', from: shake, to: shake + length } : undefined,
  };
}

function bar(r: Rec, from: number): Bar {
  const start = parseTime(text(r, 'event.start'));
  const end = parseTime(text(r, 'event.end'));
  const lasted = start !== undefined && end !== undefined ? Number(end - start) : 0;
  const to = from + Math.max(lasted, number(r, 'event.duration'));
  return {
    id: text(r, 'event.id'),
    from,
    to,
    phases: [{ name: 'whole', from, to }],
    error: text(r, 'status') === 'Error',
  };
}

/** No other bar touches b for longer than a moment. */
function alone(b: Bar, bars: Bar[]): boolean {
  return bars.every((x) => x === b || x.to <= b.from || x.from >= b.to);
}

/** The phases of a bar by the packets within it; shift is what the packets' beginning is behind the waterfall's. */
function part(b: Bar, l: Ladder, shift: number): Phase[] {
  let asked = -1;
  let answered = -1;
  let done = b.to;
  for (let i = lowerBound(l.time, b.from - shift); i < l.count && l.time[i]! + shift <= b.to; i++) {
    if (!l.payload[i]) continue;
    const t = l.time[i]! + shift;
    if (l.side[i] === 0 && answered < 0) asked = t;
    if (l.side[i] === 1) {
      if (answered < 0) answered = t;
      done = t;
    }
  }
  if (asked < 0 || answered < asked) return b.phases;
  const phases: Phase[] = [
    { name: 'send', from: b.from, to: asked },
    { name: 'wait', from: asked, to: answered },
    { name: 'receive', from: answered, to: Math.max(done, answered) },
  ];
  return phases.filter((p) => p.name === 'wait' || p.to > p.from);
}

function lowerBound(times: Float64Array, v: number): number {
  let lo = 0;
  let hi = times.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (times[mid]! < v) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** A stretch as shares of a range, cut at its ends; undefined if it lies outside. */
export function share(from: number, to: number, range: Range): { left: number; width: number } | undefined {
  const size = Math.max(range.to - range.from, 1);
  const a = Math.max((from - range.from) / size, 0);
  const b = Math.min((to - range.from) / size, 1);
  return b < 0 || a > 1 ? undefined : { left: a, width: Math.max(b - a, 0) };
}

/** Fewer transactions than this are shown over the whole session. */
const few = 40;

/**
 * The range of the waterfall's column: the part of the ladder that is zoomed to, else the whole session, else, where
 * there are so many transactions that each would be a dot, what the rows first..last take.
 */
export function scale(w: Waterfall, zoom: Range | undefined, first: number, last: number): Range {
  if (zoom) return zoom;
  const rows = w.bars.slice(first, last);
  if (w.bars.length <= few || !rows.length) return { from: 0, to: w.span };
  const from = Math.min(...rows.map((b) => b.from));
  return { from, to: Math.max(...rows.map((b) => b.to), from + 1) };
}

/** What was asked, in one line: what the protocol calls the request, else its method and path. */
export function request(r: Rec): string {
  return (
    text(r, 'query') ||
    [text(r, 'method'), text(r, 'path') || text(r, 'resource')].filter(Boolean).join(' ') ||
    text(r, 'dns.question.name') ||
    text(r, 'type')
  );
}

/** What came back, in a few words: the protocol's own status where it has one. */
export function response(r: Rec): string {
  const code = text(r, 'http.response.status_code');
  if (code) return [code, text(r, 'http.response.status_phrase')].filter(Boolean).join(' ');
  const own = ['dns.response_code', 'icmp.response.message', 'error.message'].map((n) => text(r, n)).find(Boolean);
  return own ?? text(r, 'status');
}
