// The tables of the page. Each is one aggregation of system calls: what they are told apart by, and what is added up.

import type { Column } from '../../design/table';
import type { Params, Table } from '../../lib/api';
import { both, condition, cut, narrowed } from '../../lib/expression';
import { fields } from '../../lib/fields.svelte';
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from '../../lib/format';
import { conditionOf, connection, type Connection } from '../../record/connection';

export interface Shown extends Column {
  /** Places of the keys that it shows; others show a sum. */
  keys?: number[];
  metric?: string;
  /** How the sum is written, over so many seconds. */
  write?: (n: number, seconds: number) => string;
  /** Shown only where some row knows it. */
  rare?: boolean;
}

export interface View {
  id: 'processes' | 'files' | 'connections';
  label: string;
  /** What the rows are called. */
  one: string;
  many: string;
  by: string[];
  /** What calls they are made of. */
  where: string;
  columns: Shown[];
}

export type Row = Table['rows'][number];

const number = (id: string, label: string, title: string, width: number, metric: string, write: Shown['write']): Shown => ({ id, label, title, width, metric, write, align: 'right', sortable: true });
const key = (id: string, label: string, title: string, width: number, ...keys: number[]): Shown => ({ id, label, title, width, keys, sortable: true });
const bytes = (id: string, label: string, title: string, metric: string) => number(id, label, title, 104, `sum(evt.buflen_${metric})`, (n) => formatBytes(n));

const calls = number('calls', 'Calls', 'System calls', 84, 'sum(evt.count_exit)', (n) => formatCount(n));
const rate: Shown = { ...calls, id: 'rate', label: 'Calls/s', title: 'System calls a second, over the time range', width: 80, write: (n, s) => formatRate(n / s) };
const errors = number('errors', 'Errors', 'System calls that failed', 72, 'sum(evt.count_error)', (n) => formatCount(n));
const time = number('time', 'Time', 'Time within these calls, waiting included', 86, 'sum(evt.latency)', (n) => formatDuration(Math.round(n)));
const users = number('users', 'Processes', 'Processes that made the calls', 84, 'unique(proc.pid)', (n) => formatCount(n));

export const views: View[] = [
  {
    id: 'processes',
    label: 'Processes',
    one: 'process',
    many: 'processes',
    by: ['proc.pid', 'proc.name', 'container.name'],
    where: 'proc.pid > 0', // the idle task is none
    columns: [
      { ...key('pid', 'PID', 'Process id', 76, 0), align: 'right' },
      { ...key('name', 'Process', 'Name of the program', 150, 1), grow: true },
      key('container', 'Container', 'Container; host outside of any', 140, 2),
      { ...number('cpu', 'CPU', 'Processor time: the share of one processor over the time range', 76, 'sum(thread.exectime)', (n, s) => formatShare(n / 1e9, s)), rare: true },
      bytes('read', 'File read', 'Bytes read from files', 'file_in'),
      bytes('written', 'File written', 'Bytes written to files', 'file_out'),
      bytes('received', 'Net received', 'Bytes received from the network', 'net_in'),
      bytes('sent', 'Net sent', 'Bytes sent to the network', 'net_out'),
      calls,
      rate,
      errors,
    ],
  },
  {
    id: 'files',
    label: 'Files',
    one: 'file',
    many: 'files',
    by: ['fd.name'],
    where: 'fd.type == [file, directory]',
    columns: [{ ...key('file', 'File', 'Path', 320, 0), grow: true }, bytes('read', 'Read', 'Bytes read', 'file_in'), bytes('written', 'Written', 'Bytes written', 'file_out'), calls, rate, time, errors, users],
  },
  {
    id: 'connections',
    label: 'Connections',
    one: 'connection',
    many: 'connections',
    by: ['fd.cip', 'fd.cport', 'fd.sip', 'fd.sport', 'fd.l4proto'],
    where: 'fd.cip == EXISTS!',
    columns: [
      { ...key('client', 'Client', 'Who connected, and its port', 200, 0, 1), grow: true },
      { ...key('server', 'Server', 'Who was connected to, and its port', 200, 2, 3), grow: true },
      key('transport', 'Transport', 'What carries it', 84, 4),
      bytes('received', 'Received', 'Bytes received, by all processes that have it', 'net_in'),
      bytes('sent', 'Sent', 'Bytes sent, by all processes that have it', 'net_out'),
      calls,
      time,
      errors,
      users,
      { ...number('first', 'First', 'Its first call', 0, 'min(event.start)', undefined), rare: true },
      { ...number('last', 'Last', 'Its last call', 0, 'max(event.end)', undefined), rare: true },
    ],
  },
];

/** Columns as a narrow window has them: how much and what failed right behind what it is of. */
export function forNarrow(columns: Shown[]): Shown[] {
  const place = (c: Shown) => (c.keys && c.grow ? 0 : c.id === 'calls' ? 1 : c.id === 'errors' ? 2 : 3);
  return columns.toSorted((a, b) => place(a) - place(b)).map((c) => (c.grow ? { ...c, width: Math.min(c.width, 170) } : c));
}

/** Most rows that are asked for. */
export const most = 1000;

/** What a table is sorted by: a column of it, the one with most calls first if none is named. */
export function sortOf(view: View, order: string): { id: string; desc: boolean } {
  const [id, way] = order.split(':');
  return view.columns.some((c) => c.id === id) ? { id: id!, desc: way !== 'asc' } : { id: 'calls', desc: true };
}

/** The metrics that are asked for, the one that is sorted by first: the server keeps those that lead by it. */
export function metricsOf(view: View, sort: string): string[] {
  const by = view.columns.find((c) => c.id === sort)?.metric ?? calls.metric!;
  return [...new Set([by, ...view.columns.flatMap((c) => c.metric ?? [])])];
}

/** The question of a table. */
export function questionOf(view: View, scope: { q: string; from: string; to: string; bounding: string }, sort: { id: string; desc: boolean }): Params {
  const lowest = !sort.desc && view.columns.find((c) => c.id === sort.id)?.metric !== undefined;
  return { ...scope, q: both(cut(scope.q).where, view.where), kind: 'sysevent', by: view.by.join(','), metric: metricsOf(view, sort.id).join(','), top: most, ...(lowest ? { lowest: 'true' } : {}) };
}

/** The rows of an answer in the order of a column of keys; that of sums is the server's. */
export function sorted(view: View, rows: Row[], sort: { id: string; desc: boolean }): Row[] {
  const keys = view.columns.find((c) => c.id === sort.id)?.keys;
  if (!keys) return rows;
  const compare = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });
  const sign = sort.desc ? -1 : 1;
  return rows.toSorted((a, b) => sign * keys.reduce((d, k) => d || compare(a.keys[k] ?? '', b.keys[k] ?? ''), 0));
}

/** Seconds that rates are of: the time range as far as calls are stored in it (ns). */
export function secondsOf(range: { from?: bigint; to?: bigint }, stored?: { oldest: string; newest: string }): number {
  const [oldest, newest] = [BigInt(stored?.oldest ?? 0), BigInt(stored?.newest ?? 0)];
  const from = range.from !== undefined && range.from > oldest ? range.from : oldest;
  const to = range.to !== undefined && range.to < newest ? range.to : newest;
  return to > from ? Number(to - from) / 1e9 : 1;
}

/** The connection of a row. */
export const connectionIn = (r: Row): Connection | undefined => connection([r.keys[0]!, r.keys[2]!], [Number(r.keys[1]), Number(r.keys[3])], r.keys[4]!);

/** The expression for the calls of a row: what passes q already, and is the row's. */
export function callsIn(view: View, r: Row, q: string): string {
  const socket = view.id === 'connections' ? connectionIn(r) : undefined;
  if (socket) return both(cut(q).where, conditionOf(socket, 'sysevent'));
  return view.by.slice(0, 2).reduce((sum, name, i) => narrowed(sum, condition(fields.get(name), r.keys[i] ?? '')), cut(q).where);
}
