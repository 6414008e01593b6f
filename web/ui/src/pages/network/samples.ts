// The samples of page Network, and the sessions that they were drawn from.

import { api, searchRecords, valueOf, valuesOf, type Coverage, type Rec } from '../../lib/api';
import { condition, quoted } from '../../lib/expression';
import { formatBytes, formatCount, formatDuration, parseTime, rfc3339 } from '../../lib/format';
import type { Changes } from '../../lib/state.svelte';
import { interfaceText } from './network';
import { within, type Scope } from './lines';

const columns = [
  'sflow.type', 'sflow.weight', 'observer.ip', 'observer.ingress.interface.name', 'observer.egress.interface.name', 'sflow.input', 'sflow.output', 'source.ip', 'source.port', 'destination.ip',
  'destination.port', 'network.transport', 'network.community_id', 'sflow.frame_length', 'network.bytes', 'sflow.discard_reason', 'http.request.method', 'http.response.status_code', 'url.domain',
  'http.uri', 'event.duration', 'tls.heartbleed',
].join(',');

export const most = 500;
const around = 60_000_000_000n; // ns before and after a sample: when an agent sends it is its own affair

/** The latest samples of packets, flows, discards and requests. */
export async function latest(s: Scope, signal: AbortSignal): Promise<{ records: Rec[]; coverage: Coverage }> {
  const records: Rec[] = [];
  const coverage = await searchRecords({ ...within(s, 'source.ip == EXISTS!'), columns, limit: most }, { records: (block) => void records.push(...block) }, signal);
  return { records, coverage };
}

/** How many sessions have the 5-tuples of samples around their times, by Community ID. */
export async function sessionsOf(samples: Rec[], signal: AbortSignal): Promise<Map<string, number>> {
  const ids = [...new Set(samples.map(communityId).filter(Boolean))];
  const times = samples.flatMap((r) => parseTime(r.event.end) ?? []).sort((a, b) => (a < b ? -1 : 1));
  if (ids.length === 0 || times.length === 0) return new Map();
  const t = await api.aggregate(
    { q: `network.community_id == [${ids.map(quoted).join(', ')}]`, kind: 'session', from: rfc3339(times[0]! - around), to: rfc3339(times.at(-1)! + around), bounding: 'either', by: 'network.community_id', metric: 'count' },
    signal,
  );
  return new Map(t.rows.map((r) => [r.keys[0]!, r.values[0] ?? 0]));
}

export function communityId(r: Rec): string {
  return String(valueOf(r, 'network.community_id') ?? '');
}

/** What of Explore's state shows the sessions that a sample was drawn from. */
export function sessionState(r: Rec): Changes {
  const at = parseTime(r.event.end) ?? 0n;
  const q = condition({ name: 'network.community_id', type: 'term' }, communityId(r));
  return { q, kind: 'session', from: rfc3339(at - around), to: rfc3339(at + around), bounding: 'either', host: '', cols: '', order: '' };
}

/** Whence and whither within the exporter. */
export function through(r: Rec): string {
  const end = (name: string, index: string) => String(valueOf(r, name) ?? '') || interfaceText(String(valueOf(r, index) ?? '')).replace('interface ', '');
  return valueOf(r, 'sflow.input') === undefined ? '' : `${end('observer.ingress.interface.name', 'sflow.input')} → ${end('observer.egress.interface.name', 'sflow.output')}`;
}

/** What was sampled, in a line. */
export function what(r: Rec): string {
  const first = (name: string) => String(valuesOf(r, name)[0] ?? '');
  const method = first('http.request.method');
  if (method) return `${method} ${first('url.domain')}${first('http.uri')} ${first('http.response.status_code')} in ${formatDuration(r.event.duration ?? 0)}`;
  const size = Number(valueOf(r, 'sflow.frame_length') ?? valueOf(r, 'network.bytes') ?? 0);
  const words = [first('network.transport') || 'without IP', formatBytes(size)];
  const reason = first('sflow.discard_reason');
  if (reason) words.push(`dropped: ${reason}`);
  if (first('tls.heartbleed')) words.push('TLS heartbeat');
  return words.join(' ');
}

/** How many packets, or requests, a sample stands for. */
export function weight(r: Rec): string {
  const n = Number(valueOf(r, 'sflow.weight') ?? 1);
  return n > 1 ? `1:${formatCount(n)}` : String(valueOf(r, 'sflow.type') ?? '');
}
