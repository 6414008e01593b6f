// What `GET /api/hosts/{address-or-name}` tells (docs/api.md), and what the drawer makes of it.

import { get } from '../lib/api';

export interface Value {
  value: string;
  count: number; // sessions
  bytes?: number;
  field?: string; // that the value can be asked for with; the list's own if absent
}

export interface Host {
  host: string;
  kind: 'address' | 'name';
  first?: string; // RFC 3339; absent if it was never seen
  last?: string;
  sessions: { client: number; server: number };
  bytes: { in: number; out: number };
  packets: { in: number; out: number };
  names?: Value[];
  addresses?: Value[];
  ports_served?: Value[];
  ports_used?: Value[];
  peers?: Value[];
  protocols?: Value[];
  servers?: Value[];
  user_agents?: Value[];
  macs?: Value[];
  more?: string[]; // lists that were cut
}

export type ListName = 'names' | 'addresses' | 'ports_served' | 'ports_used' | 'peers' | 'protocols' | 'servers' | 'user_agents' | 'macs';

/** The lists in the order in which they are shown, and the field that their values are asked for with. */
export const lists: { name: ListName; label: string; field: string; host?: boolean; none?: string }[] = [
  { name: 'names', label: 'Names', field: 'host', host: true },
  { name: 'addresses', label: 'Addresses', field: 'ip', host: true },
  { name: 'protocols', label: 'Protocols', field: 'network.protocol' },
  { name: 'ports_served', label: 'Ports it serves', field: 'destination.port' },
  { name: 'ports_used', label: 'Ports it uses', field: 'destination.port' },
  { name: 'peers', label: 'Peers', field: 'ip', host: true },
  { name: 'servers', label: 'Server software', field: 'http.response.headers.server' },
  { name: 'user_agents', label: 'User agents', field: 'user_agent.original' },
  { name: 'macs', label: 'MAC addresses', field: 'mac' },
];

export const askHost = (host: string, range: { from: string; to: string; bounding: string }, signal: AbortSignal) =>
  get<Host>(`/api/hosts/${encodeURIComponent(host)}`, { ...range, top: 50 }, signal);

/** Whether a text is an address rather than a name: the server decides, this chooses words while it is asked. */
export const isAddress = (host: string) => /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || /^[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*$/i.test(host);

/** The field that finds the sessions of a host. */
export const hostField = (host: string) => (isAddress(host) ? 'ip' : 'host');

/** How long the bar behind a value is, 0 to 1. */
export const share = (v: Value, all: Value[]) => v.count / Math.max(1, ...all.map((x) => x.count));
