// Times of packets relative to each other, and the ticks of their axis. Nanoseconds since the epoch do not fit a number, but
// their differences within a session do.

import { parseTime } from '../../lib/format';

/** Nanoseconds from base to text; exact up to 104 days, 0 if text is no time. */
export function since(base: bigint, text: string): number {
  const t = parseTime(text);
  return t === undefined ? 0 : Number(t - base);
}

/** A span as packet lists show it: seconds with the digits that tell its packets apart. */
export function seconds(ns: number, digits: number): string {
  return (ns / 1e9).toFixed(digits);
}

/** Digits behind the point so that packets over a span of ns can be told apart: 6 for long ones, 9 below a millisecond. */
export function digitsFor(ns: number): number {
  return ns < 1_000_000 ? 9 : 6;
}

/** Where the ticks of an axis from..to stand: round steps of 1, 2 or 5, at most count of them. */
export function ticks(from: number, to: number, count: number): number[] {
  const span = to - from;
  if (!(span > 0) || count < 1) return [];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough) ?? 10 * power;
  const out: number[] = [];
  for (let k = Math.ceil(from / step); k * step <= to && out.length <= count; k++) out.push(k * step + 0); // + 0: no minus zero
  return out;
}
