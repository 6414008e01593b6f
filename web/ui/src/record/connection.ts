// What joins sessions and system calls: the ends of a connection, its transport and its time.

import { valueOf, type Rec } from '../lib/api';
import { parseTime, rfc3339 } from '../lib/format';

export interface Connection {
  /** Addresses and ports of both ends, the client's first. */
  ips: [string, string];
  ports: [number, number];
  transport: string;
}

/** ns by which calls may lie outside of the packets' time: a call begins before its packet is seen, and clocks differ. */
const slack = 1_000_000_000n;

const names = {
  session: { ips: ['source.ip', 'destination.ip'], ports: ['source.port', 'destination.port'], transport: 'network.transport' },
  sysevent: { ips: ['fd.cip', 'fd.sip'], ports: ['fd.cport', 'fd.sport'], transport: 'fd.l4proto' },
} as const;

/** The connection of a session, or of the socket of a call; undefined if it has not both ends. */
export function connectionOf(r: Rec): Connection | undefined {
  const n = names[r.event.kind === 'sysevent' ? 'sysevent' : 'session'];
  const one = (name: string) => [valueOf(r, name)].flat()[0];
  return connection(n.ips.map((f) => String(one(f) ?? '')), n.ports.map((f) => Number(one(f) ?? 0)), String(one(n.transport) ?? ''));
}

/** A connection of its parts; undefined if one is missing. */
export function connection(ips: string[], ports: number[], transport: string): Connection | undefined {
  const [a, b] = ips;
  const [p, q] = ports;
  return a && b && p && q && transport ? { ips: [a, b], ports: [p, q], transport } : undefined;
}

/**
 * The expression for what belongs to a connection. Who began a session whose beginning was not seen is a guess, as is the role of a
 * socket that was there before: either end may stand on either side.
 */
export function conditionOf(c: Connection, kind: 'session' | 'sysevent'): string {
  const either = (values: (string | number)[]) => {
    const all = [...new Set(values)];
    return all.length > 1 ? `[${all.join(', ')}]` : String(all[0]);
  };
  const n = names[kind];
  return [...n.ips.map((f) => `${f} == ${either(c.ips)}`), ...n.ports.map((f) => `${f} == ${either(c.ports)}`), `${n.transport} == ${c.transport}`].join(' && ');
}

/** The URL's parameters for what belongs to a connection between two times (RFC 3339 or ns). */
export function belonging(c: Connection, kind: 'session' | 'sysevent', first: string | bigint, last: string | bigint) {
  const ns = (t: string | bigint) => (typeof t === 'bigint' ? t : (parseTime(t) ?? 0n));
  return { q: conditionOf(c, kind), kind, from: rfc3339(ns(first) - slack), to: rfc3339(ns(last) + slack), bounding: 'either' };
}
