// Time ranges as the URL has them: a span before now (-15m), RFC 3339, or nothing for all that is stored.

import { formatTime, parseTime, rfc3339, type Zone } from './format';

export interface Range {
  from: string;
  to: string;
}

const units: Record<string, bigint> = { s: 1n, m: 60n, h: 3600n, d: 86400n, w: 604800n };
const SEC = 1_000_000_000n;

/** Nanoseconds of a span such as 15m or 1h30m; undefined for anything else. */
export function parseSpan(text: string): bigint | undefined {
  if (!/^(\d+[smhdw])+$/.test(text)) return undefined;
  let ns = 0n;
  for (const [, n, unit] of text.matchAll(/(\d+)([smhdw])/g)) ns += BigInt(n!) * units[unit!]! * SEC;
  return ns;
}

/** A span in words of the URL: 900 s are 15m. */
export function spanText(ns: bigint): string {
  let sec = ns / SEC;
  let out = '';
  for (const unit of ['d', 'h', 'm', 's']) {
    const n = sec / units[unit]!;
    if (n > 0n) out += `${n}${unit}`;
    sec -= n * units[unit]!;
  }
  return out || '0s';
}

/** A bound in nanoseconds; undefined for one that is open or that only the server can read. */
export function bound(text: string, now: bigint): bigint | undefined {
  if (text === 'now') return now;
  const m = /^(?:now)?-(.+)$/.exec(text);
  if (m) {
    const span = parseSpan(m[1]!);
    return span === undefined ? undefined : now - span;
  }
  return parseTime(text);
}

/** The range with its ends nailed down: what is asked at several times must mean the same. */
export function absolute(r: Range, now: bigint): Range {
  const from = bound(r.from, now);
  const to = r.to === '' && r.from !== '' && from !== undefined ? now : bound(r.to, now);
  return { from: from === undefined ? r.from : rfc3339(from), to: to === undefined ? r.to : rfc3339(to) };
}

/** Whether the range ends now and moves on with it. */
export function moves(r: Range): boolean {
  return r.to === '' && (r.from === '' || /^(now)?-/.test(r.from));
}

/** The range moved by a share of its width: -0.5 is half a width back. undefined if it has no width. */
export function shifted(r: Range, share: number, now: bigint): Range | undefined {
  const a = absolute(r, now);
  const from = parseTime(a.from);
  const to = parseTime(a.to);
  if (from === undefined || to === undefined || to <= from) return undefined;
  const by = ((to - from) * BigInt(Math.round(share * 1000))) / 1000n;
  return { from: rfc3339(from + by), to: rfc3339(to + by) };
}

/** The range around its middle, wider by factor. */
export function zoomed(r: Range, factor: number, now: bigint): Range | undefined {
  const a = absolute(r, now);
  const from = parseTime(a.from);
  const to = parseTime(a.to);
  if (from === undefined || to === undefined || to <= from) return undefined;
  const half = ((to - from) * BigInt(Math.round(factor * 1000))) / 2000n;
  const middle = (from + to) / 2n;
  const least = 1n;
  return { from: rfc3339(middle - (half > least ? half : least)), to: rfc3339(middle + (half > least ? half : least)) };
}

/** Spans that are offered. */
export const presets: { label: string; from: string }[] = [
  { label: 'Last 5 minutes', from: '-5m' },
  { label: 'Last 15 minutes', from: '-15m' },
  { label: 'Last hour', from: '-1h' },
  { label: 'Last 6 hours', from: '-6h' },
  { label: 'Last 24 hours', from: '-24h' },
  { label: 'Last 7 days', from: '-7d' },
  { label: 'Last 30 days', from: '-30d' },
  { label: 'All that is stored', from: '' },
];

/** What the range is called on its button. */
export function label(r: Range, zone: Zone): string {
  if (r.from === '' && r.to === '') return 'All time';
  const preset = r.to === '' ? presets.find((p) => p.from === r.from) : undefined;
  if (preset) return preset.label;
  const end = (text: string, open: string, other: string) => {
    const ns = parseTime(text);
    if (ns === undefined) return text || open;
    const o = parseTime(other);
    const same = o !== undefined && formatTime(o, zone, 0).slice(0, 10) === formatTime(ns, zone, 0).slice(0, 10);
    const digits = ns % SEC === 0n ? 0 : o !== undefined && (ns > o ? ns - o : o - ns) < 10n * SEC ? 3 : 0;
    const full = formatTime(ns, zone, digits);
    return same && open === 'now' ? full.slice(11) : full;
  };
  return `${end(r.from, 'the beginning', r.to)} – ${end(r.to, 'now', r.from)}`;
}
