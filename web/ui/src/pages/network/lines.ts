// Values over time in a range, all and by groups: what the charts of page Network draw.

import { api, type Coverage, type Params } from '../../lib/api';
import { colourOf, type Series } from '../../design/chart';
import { align, buckets, parts, same } from '../../query/timeline.svelte';
import { both } from '../../lib/expression';

/** What is asked in every part of the page: expression without stages, and a range whose ends are nailed down. */
export interface Scope {
  q: string;
  kind: 'sample';
  from: string;
  to: string;
  bounding: string;
}

export interface Lines {
  times: number[]; // seconds
  step: number; // seconds
  series: Series[];
  coverage: Coverage;
}

/** The scope with a condition more. */
export const within = (s: Scope, condition: string): Params => ({ ...s, q: both(s.q, condition) });

const most = 7; // groups that are told apart

/** A metric in time buckets, by the groups of a field. Sums are given for a second, times factor. */
export async function summed(s: Scope, where: string, metric: string, by: string, factor: number, signal: AbortSignal): Promise<Lines> {
  const base = { ...within(s, where), metric, interval: 'auto', buckets: 120 };
  const all = await api.aggregate(base, signal);
  const step = Math.max(1e-9, Number(all.interval) / 1e9);
  const t = await api.aggregate({ ...base, ...same(all), by, top: most + 1 }, signal);
  const names = [...new Set(t.rows.map((r) => r.keys[0] ?? ''))].filter((k) => k !== '').slice(0, most);
  const rate = (v: number | null) => ((v ?? 0) * factor) / step;
  const series = parts(all, t, [0], names, align(all, all, [0])).map((x) => ({ ...x, values: x.values.map(rate) }));
  return { times: buckets(all).map((b) => Number(b) / 1e9), step, series, coverage: all.coverage };
}

/** Metrics in time buckets, a line for each; there is none where nothing was measured. */
export async function measured(s: Scope, where: string, metrics: { metric: string; label: string }[], signal: AbortSignal): Promise<Lines> {
  const t = await api.aggregate({ ...within(s, where), metric: metrics.map((m) => m.metric), interval: 'auto', buckets: 120 }, signal);
  const all = buckets(t);
  const at = new Map(t.rows.map((r) => [r.bucket, r.values]));
  const series = metrics.map((m, i): Series => ({ label: m.label, colour: colourOf(2 * i), values: all.map((b) => at.get(String(b))?.[i] ?? null) }));
  return { times: all.map((b) => Number(b) / 1e9), step: Math.max(1e-9, Number(t.interval) / 1e9), series, coverage: t.coverage };
}
