// What `GET /api/status` tells of the capture and the disk (docs/api.md), and how the page reads it.

import { api } from '../../lib/api';
import { formatBytes, formatCount, formatDuration } from '../../lib/format';
import type { Mirror } from './mirror';

export interface Interface {
  name: string;
  link_type: number;
  up: boolean;
  packets: number; // the kernel's count, both directions
  bytes: number;
  dropped: number; // by the interface or its driver
  packets_per_second: number;
  bytes_per_second: number;
}

export interface Queue {
  name: string;
  unit: string; // of length and bound
  length: number;
  bound: number;
  dropped: number;
  failing?: string;
}

export interface Limit {
  max_age: number; // ns; 0: none
  max_bytes: number; // 0: none
}

/** A span that fits at the present rate and the limit that it is due to; empty while it is not known. */
export interface Reach {
  seconds?: number;
  by?: string;
}

export interface Recorder {
  pid: number;
  node: string;
  time: string;
  started: string;
  interfaces: Interface[];
  packets: number;
  bytes: number;
  sessions: number;
  open_flows: number;
  transactions: number;
  last_packet: string; // ns
  rates: Rates;
  drops: Record<string, number | string>;
  queues: Queue[];
  limits: { packets: Limit; records: Limit; keep_free: number };
  deleted: { time: string; what: string; bytes: number; reason: string }[] | null;
}

/** In a second. */
export interface Rates {
  packets: number;
  bytes: number;
  sessions: number;
  transactions: number;
  lost: number;
  packet_disk: number;
  record_disk: number;
}

export interface NodeStatus {
  running: boolean;
  recorder?: Recorder;
  packets?: { segments: number; packets: number; bytes: number; oldest: string; newest: string };
  disk?: { free: number; total: number };
  retention?: { packets: Reach; records: Reach };
  mirror?: Mirror;
}

export interface Status {
  node: string;
  version: string;
  time: string;
  stored: { kind: string; records: number; bytes: number; files: number; oldest: string; newest: string }[];
  node_status?: NodeStatus;
}

export const ask = async (signal: AbortSignal) => (await api.status(signal)) as unknown as Status;

/** Causes of loss in the order of the road, with what is lost, why, and what helps. */
export const causes: { name: string; label: string; why: string; remedy: string }[] = [
  { name: 'kernel', label: 'Packets, by the kernel', why: 'its ring was full: packets came faster than they were taken', remedy: 'a larger ring (--buffer 256MiB), a filter, or more cores' },
  { name: 'not_stored', label: 'Packets, not stored', why: 'analysed, but the disk was behind or failing', remedy: 'a faster disk, --compress, or --snaplen' },
  { name: 'records', label: 'Records', why: 'they could not be written', remedy: 'space on the disk, or a disk that does not fail' },
  { name: 'evicted_flows', label: 'Flows, reported early', why: 'the table of open flows was full', remedy: 'a filter that leaves scans out' },
  { name: 'reorder_evicted', label: 'Holes given up', why: 'too many bytes waited behind packets that did not come', remedy: 'look for loss before the capture: a mirror port that is too narrow' },
  { name: 'fragments', label: 'Datagrams, incomplete', why: 'fragments of them did not come', remedy: 'look for loss before the capture' },
  { name: 'parser_overflow', label: 'Bytes, not parsed', why: 'a message was longer than its parser may hold', remedy: 'nothing: the packets are stored' },
  { name: 'parser_panics', label: 'Flows, by a defect', why: 'a parser failed on them; the packets are stored', remedy: 'report it with the packets' },
];

/** How many were lost for a cause. */
export function lost(r: Recorder, cause: string): number {
  const n = r.drops[cause];
  return typeof n === 'number' ? n : 0;
}

/** What lies on a disk, in bytes: parts of total. */
export function disk(s: Status): { packets: number; records: number; other: number; free: number; total: number } | undefined {
  const d = s.node_status?.disk;
  if (!d || d.total <= 0) return undefined;
  const packets = s.node_status?.packets?.bytes ?? 0;
  const records = s.stored.reduce((sum, k) => sum + k.bytes, 0);
  return { packets, records, other: Math.max(0, d.total - d.free - packets - records), free: d.free, total: d.total };
}

/** A reach in words: "3 d 4 h, then free space decides". */
export function reach(r: Reach | undefined): string {
  if (r?.seconds === undefined) return 'not known yet';
  return `${formatDuration(Math.min(r.seconds, 100 * 365 * 86400) * 1e9)} at this rate` + (r.by ? `, bound by ${r.by}` : '');
}

/** A limit in words. */
export function limit(l: Limit): string {
  const parts = [l.max_age > 0 ? formatDuration(l.max_age) : '', l.max_bytes > 0 ? formatBytes(l.max_bytes) : ''].filter(Boolean);
  return parts.join(' or ') || 'none of its own';
}

/** How full a queue is, in its unit. */
export function fill(q: Queue): string {
  return q.unit === 'bytes' ? `${formatBytes(q.length)} of ${formatBytes(q.bound)}` : `${formatCount(q.length)} of ${formatCount(q.bound)} ${q.unit}`;
}

/** The last values of what is measured again and again, by name, oldest first. */
export type Lines = Record<string, number[]>;

/** Lines with one value more for each name; of names that are not measured any more nothing is kept. */
export function extend(lines: Lines, values: Record<string, number>, most: number): Lines {
  return Object.fromEntries(Object.entries(values).map(([name, v]) => [name, [...(Object.hasOwn(lines, name) ? lines[name]! : []), v].slice(-most)]));
}

/** The points of a line through values in a box 100 wide and 100 high, the newest at the right; room is how many fit. */
export function line(values: number[], room: number): string {
  const top = Math.max(...values, 0) || 1;
  const first = room - values.length;
  return values.map((v, i) => `${(((first + i) / (room - 1)) * 100).toFixed(2)},${(100 - (v / top) * 100).toFixed(2)}`).join(' ');
}
