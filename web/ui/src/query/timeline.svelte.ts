// What the timeline draws: one question for all, and one more if it is split.

import { aborted, api, ApiError, type Coverage, type Kind, type Table } from '../lib/api';
import { both, cut } from '../lib/expression';
import { parseTime, rfc3339 } from '../lib/format';
import { words } from '../lib/kinds';
import { absolute, type Range } from '../lib/range';
import type { Series } from '../design/chart';
import { colourOf } from '../design/chart';

export type By = 'count' | 'bytes' | 'packets' | 'errors' | 'latency';

/** What the chart can add up of a kind. */
export function bysOf(kind: Kind): { id: By; label: string }[] {
  return [
    { id: 'count', label: words[kind].title },
    { id: 'bytes', label: kind === 'sysevent' ? 'Bytes read and written' : 'Bytes' },
    ...(kind === 'sysevent' ? [] : [{ id: 'packets' as const, label: 'Packets' }]),
    { id: 'errors', label: 'Errors' },
    { id: 'latency', label: kind === 'session' ? 'Handshake time' : 'Latency' },
  ];
}

/** How long things took, by kind; percentiles of it are drawn. */
const took: Record<string, string> = { session: 'tcp.handshake', transaction: 'event.duration', sysevent: 'evt.latency' };
const percentiles = [
  { metric: 'p50', label: 'median', colour: '--c1' },
  { metric: 'p95', label: '95 of 100 within', colour: '--c3' },
];

/** The split that goes with what the chart draws: a direction has bytes and packets alone, percentiles cannot be stacked. */
export function splitFor(split: string, by: By): string {
  return by === 'latency' || (split === 'direction' && by !== 'bytes' && by !== 'packets') ? '' : split;
}

/** What the chart draws when it is to be split so: what it draws already, if that can be. */
export function byFor(split: string, by: By): By {
  return splitFor(split, by) === split ? by : split === 'direction' ? 'bytes' : 'count';
}

/** The chart that a text of the URL asks for. */
export function byOf(text: string, kind: Kind): By {
  return bysOf(kind).find((b) => b.id === text)?.id ?? 'count';
}

/** What counts as an error of a kind. */
export const errors: Record<string, string> = {
  session: 'session.state == rst || http.response.status_code >= 400 || dns.response_code == [FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED]',
  transaction: 'status == Error',
  sysevent: 'evt.failed == true',
};

/** The field whose values a split tells apart; direction is made of both ends' counters. */
export function splitField(split: string, kind: Kind): string {
  if (split !== 'protocol') return split;
  return { transaction: 'event.dataset', sysevent: 'proc.name' }[kind as string] ?? 'network.protocol';
}

export interface Asked {
  q: string;
  kind: Kind;
  from: string;
  to: string;
  bounding: string;
  by: By;
  split: string; // '', 'protocol', 'direction'
}

const groups = 7;

export class Timeline {
  times = $state.raw<number[]>([]); // seconds
  step = $state(1); // seconds
  series = $state.raw<Series[]>([]);
  /** Rows of all, as the chart's question counts them; undefined while that is not known. */
  total = $state<number>();
  coverage = $state.raw<Coverage>();
  error = $state('');
  loading = $state(false);
  #stop = new AbortController();

  async load(a: Asked) {
    this.#stop.abort();
    const stop = (this.#stop = new AbortController());
    this.loading = true;
    this.error = '';
    this.total = undefined;
    const { where } = cut(a.q);
    const base = { kind: a.kind, from: a.from, to: a.to, bounding: a.bounding, interval: 'auto', buckets: 120 };
    try {
      if (a.by === 'latency') {
        const f = took[a.kind] ?? 'event.duration';
        const all = await api.aggregate({ ...base, q: where, metric: ['count', ...percentiles.map((p) => `${p.metric}(${f})`)].join(',') }, stop.signal);
        if (stop.signal.aborted) return;
        this.coverage = all.coverage;
        this.total = sum(all, 0);
        this.#show(all, percentiles.map((p, i): Series => ({ label: p.label, colour: p.colour, values: align(all, all, [i + 1]).map((v) => v || null) })));
        this.loading = false;
        return;
      }
      const parts = partsOf(a);
      const metrics = [...new Set(['count', ...parts.flatMap((p) => p.metrics)])];
      const all = await api.aggregate({ ...base, q: where, metric: metrics.join(',') }, stop.signal);
      if (stop.signal.aborted) return;
      this.coverage = all.coverage;
      this.total = sum(all, 0);
      if (a.by === 'errors') {
        const bad = await api.aggregate({ ...base, ...same(all), q: both(where, errors[a.kind] ?? 'status == Error'), metric: 'count' }, stop.signal);
        if (stop.signal.aborted) return;
        this.#show(all, [{ label: 'Errors', colour: '--c5', values: align(all, bad, [0]) }]);
      } else {
        const series = parts.map((p): Series => ({ label: p.label, colour: p.colour, values: align(all, all, p.metrics.map((m) => metrics.indexOf(m))) }));
        this.#show(all, series);
        if (a.split === 'protocol') await this.#split(a, base, all, where, parts[0]!.metrics, series[0]!.values, stop.signal);
      }
    } catch (e) {
      if (aborted(e) || stop.signal.aborted) return;
      this.error = e instanceof ApiError ? e.message : String(e);
      this.#clear();
    }
    if (this.#stop === stop) this.loading = false;
  }

  async #split(a: Asked, base: object, all: Table, where: string, metrics: string[], whole: (number | null)[], signal: AbortSignal) {
    const t = await api.aggregate({ ...base, ...same(all), q: where, by: splitField(a.split, a.kind), metric: metrics.join(','), top: groups + 2 }, signal);
    if (signal.aborted) return;
    // sessions name what carries them, too; told apart is what is carried
    const carriers = a.kind === 'session' ? ['tcp', 'udp'] : [];
    const names = [...new Set(t.rows.map((r) => r.keys[0] ?? ''))].filter((k) => k !== '' && !carriers.includes(k)).slice(0, groups);
    if (names.length === 0) return;
    this.#show(all, parts(all, t, metrics.map((_, k) => k), names, whole));
  }

  #show(all: Table, series: Series[]) {
    const step = Number(all.interval) / 1e9;
    this.step = step > 0 ? step : 1;
    this.times = buckets(all).map((b) => Number(b) / 1e9);
    this.series = series;
  }

  /** Draws nothing: there is no question. */
  clear() {
    this.#stop.abort();
    this.#clear();
    this.error = '';
  }

  #clear() {
    this.times = [];
    this.series = [];
    this.loading = false;
  }

  stop() {
    this.#stop.abort();
    this.loading = false;
  }
}

/** Series of the groups of a table with these names, what its metrics give together, and of what is left of the whole. */
export function parts(all: Table, t: Table, metrics: number[], names: string[], whole: (number | null)[]): Series[] {
  const series = names.map((name, i): Series => ({ label: name, colour: colourOf(i), values: align(all, t, metrics, name) }));
  const rest = whole.map((v, i) => Math.max(0, (v ?? 0) - series.reduce((s, g) => s + (g.values[i] ?? 0), 0)));
  if (rest.some((v) => v > 0)) series.push({ label: 'other', colour: '--c8', values: rest });
  return series;
}

/** The time axis of a range in seconds, also where nothing is; without a range, that of all there is. */
export function axis(range: Range, now: bigint, times: number[], step: number): { from: number; to: number } {
  const a = absolute(range, now);
  const seconds = (t: string) => {
    const ns = parseTime(t);
    return ns === undefined ? undefined : Number(ns / 1000n) / 1e6;
  };
  const from = seconds(a.from) ?? times[0] ?? 0;
  return { from, to: Math.max(seconds(a.to) ?? (times.at(-1) ?? 0) + step, from + 1e-6) };
}

/** Stretches in which nothing was recorded, in seconds. */
export function gapsOf(c: Coverage | undefined): { from: number; to: number }[] {
  return (c?.gaps ?? []).flatMap((g) => {
    const [a, b] = [parseTime(g.from), parseTime(g.to)];
    return a !== undefined && b !== undefined ? [{ from: Number(a / 1000n) / 1e6, to: Number(b / 1000n) / 1e6 }] : [];
  });
}

/** The range that was brushed, from seconds. */
export function brushed(from: number, to: number): Range {
  const ns = (t: number) => rfc3339(BigInt(Math.round(t * 1e6)) * 1000n);
  return { from: ns(from), to: ns(to) };
}

/** A curve that is drawn: what its metrics give together. */
interface Part {
  label: string;
  colour: string;
  metrics: string[];
}

const moved = (way: 'in' | 'out') => [`sum(evt.buflen_file_${way})`, `sum(evt.buflen_net_${way})`];

/** What the chart adds up, by direction where it is split so. */
function partsOf(a: Asked): Part[] {
  const whole = (metrics: string[]): Part[] => [{ label: bysOf(a.kind).find((b) => b.id === a.by)!.label, colour: '--c1', metrics }];
  if (a.by !== 'bytes' && a.by !== 'packets') return whole(['count']);
  const calls = a.kind === 'sysevent';
  if (a.split !== 'direction') return whole(calls ? [...moved('in'), ...moved('out')] : [`sum(network.${a.by})`]);
  return [
    { label: calls ? 'Read' : 'From the server', colour: '--c1', metrics: calls ? moved('in') : [`sum(destination.${a.by})`] },
    { label: calls ? 'Written' : 'From the client', colour: '--c3', metrics: calls ? moved('out') : [`sum(source.${a.by})`] },
  ];
}

/** The interval of a table, so that a second question gets the same buckets. */
export function same(t: Table): { interval: string } {
  return { interval: t.interval === '0' ? 'auto' : intervalText(BigInt(t.interval)) };
}

/** An interval as the API takes it: 10s, 250ms. */
export function intervalText(ns: bigint): string {
  const units: [bigint, string][] = [[604_800_000_000_000n, 'w'], [86_400_000_000_000n, 'd'], [3_600_000_000_000n, 'h'], [60_000_000_000n, 'm'], [1_000_000_000n, 's'], [1_000_000n, 'ms'], [1_000n, 'us'], [1n, 'ns']];
  const [size, name] = units.find(([u]) => ns % u === 0n)!;
  return `${ns / size}${name}`;
}

const mostBuckets = 5000;

/** All buckets of the time range, or from the first to the last that has anything; each once, ascending, two at least. */
export function buckets(t: Table): bigint[] {
  const step = BigInt(t.interval);
  const have = t.rows.filter((r) => r.bucket !== undefined).map((r) => BigInt(r.bucket!));
  if (have.length === 0 || step <= 0n) return have;
  let first = have[0]!;
  let last = first;
  const reach = (b: bigint) => {
    if (b < first) first = b;
    if (b > last) last = b;
  };
  have.forEach(reach);
  // the borders of buckets are multiples of their width since the epoch; a bucket's own says how they lie
  if (t.from && t.to && (BigInt(t.to) - BigInt(t.from)) / step < BigInt(mostBuckets)) {
    reach(first - ((first - BigInt(t.from) + step - 1n) / step) * step);
    reach(last + ((BigInt(t.to) - 1n - last) / step) * step);
  }
  const n = Math.max(2, Number((last - first) / step) + 1);
  return Array.from({ length: Math.min(n, mostBuckets) }, (_, i) => first + BigInt(i) * step);
}

/** The values of metrics of t together, of one group, in the buckets of all. */
export function align(all: Table, t: Table, metrics: number[], group?: string): number[] {
  const have = new Map<string, number>();
  for (const r of t.rows) {
    if (r.bucket === undefined || (group !== undefined && r.keys[0] !== group)) continue;
    have.set(r.bucket, metrics.reduce((s, m) => s + (r.values[m] ?? 0), have.get(r.bucket) ?? 0));
  }
  return buckets(all).map((b) => have.get(String(b)) ?? 0);
}

function sum(t: Table, metric: number): number {
  return t.rows.reduce((s, r) => s + (r.values[metric] ?? 0), 0);
}
