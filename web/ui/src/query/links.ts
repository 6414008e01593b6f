// What is shown, as something to give away: a URL, a command, a request.

import type { Params } from '../lib/api';
import { url } from '../lib/api';
import { shellWord } from '../lib/expression';
import { absolute, type Range } from '../lib/range';
import type { Kind } from '../lib/api';

export interface Shown {
  q: string;
  kind: Kind;
  range: Range;
  bounding: string;
  order: string;
}

/** The parameters of the question, its times nailed down. */
export function parameters(s: Shown, now: bigint): Params {
  const r = absolute(s.range, now);
  return { q: s.q, kind: s.kind === 'session' ? '' : s.kind, from: r.from, to: r.to, bounding: s.bounding === 'last' ? '' : s.bounding };
}

function flags(s: Shown, now: bigint): string[] {
  const r = absolute(s.range, now);
  return [
    ...(s.kind === 'session' ? [] : ['--kind', s.kind]),
    ...(r.from ? ['--from', shellWord(r.from)] : []),
    ...(r.to ? ['--to', shellWord(r.to)] : []),
    ...(s.bounding === 'last' ? [] : ['--bounding', s.bounding]),
  ];
}

/** The same question on the command line. */
export function searchCommand(s: Shown, now: bigint): string {
  return ['tapir search', ...flags(s, now), ...(s.q ? [shellWord(s.q)] : [])].join(' ');
}

/** The packets of what passes, on the command line. */
export function exportCommand(s: Shown, now: bigint, format: 'pcap' | 'pcapng'): string {
  return ['tapir export', ...flags(s, now), '-w', `tapir.${format}`, ...(s.q ? [shellWord(s.q)] : [])].join(' ');
}

/** The same question to the API; the token stays with whoever has it. */
export function curlCommand(s: Shown, now: bigint, origin: string): string {
  const parts = Object.entries({ ...parameters(s, now), order: s.order })
    .filter(([, v]) => v)
    .map(([k, v]) => `--data-urlencode ${shellWord(`${k}=${v}`)}`);
  return [`curl -sfG -H "Authorization: Bearer $TOKEN" ${origin}/api/search`, ...parts].join(' ');
}

/** Where a download comes from. */
export function download(s: Shown, now: bigint, format: 'pcap' | 'pcapng' | 'csv' | 'ndjson', more: Params = {}): string {
  const p = parameters(s, now);
  if (format === 'pcap' || format === 'pcapng') return url('/api/export', { ...p, format, ...more });
  return url('/api/search', { ...p, order: s.order, format, limit: '0', ...more });
}
