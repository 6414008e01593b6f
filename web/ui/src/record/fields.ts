// The values of a record by protocol, as people look for them.

import type { Field, Kind, Rec, Value } from '../lib/api';
import { valuesOf } from '../lib/api';

/** A value of a field, as text that a query can name and people can read. */
export interface FieldValues {
  name: string;
  type: Field['type'];
  description: string;
  /** Kinds of record that have it. */
  kinds: Kind[];
  /** As the API gave them; a single value is a list of one. */
  values: (string | number | boolean)[];
}

/** The fields of one protocol or part of the record. */
export interface Group {
  /** Stable name, for URLs and keys. */
  key: string;
  title: string;
  fields: FieldValues[];
}

/** Where names go that do not stand below their protocol's. The longest prefix that fits wins. */
const places: [string, string][] = [
  ['event', 'session'],
  ['session', 'session'],
  ['observer', 'session'],
  ['file', 'session'],
  ['tags', 'session'],
  ['network', 'network'],
  ['vlan', 'network'],
  ['source', 'source'],
  ['destination', 'destination'],
  ['client', 'source'],
  ['server', 'destination'],
  ['source.tcp', 'tcp'],
  ['destination.tcp', 'tcp'],
  ['payload8', 'network'],
  ['entropy', 'network'],
  ['url', 'http'],
  ['user_agent', 'http'],
  ['cert', 'tls'],
  ['dhcpv4', 'dhcp'],
  ['dhcpv6', 'dhcp'],
  ['type', 'transaction'],
  ['status', 'transaction'],
  ['method', 'transaction'],
  ['path', 'transaction'],
  ['query', 'transaction'],
  ['resource', 'transaction'],
  ['error', 'transaction'],
  ['related', 'related'],
  ['user', 'related'],
  ['host', 'related'],
  ['group', 'related'],
  ['syscall', 'evt'],
  ['thread', 'proc'],
];

/** Groups that come first, in this order; the protocols follow by name, what is related to several stands last. */
const first = ['session', 'transaction', 'evt', 'fd', 'proc', 'source', 'destination', 'network', 'tcp'];
const last = ['related'];

const titles: Record<string, string> = {
  session: 'Session',
  transaction: 'Transaction',
  source: 'Client',
  destination: 'Server',
  network: 'Network',
  related: 'Related',
  evt: 'Call',
  fd: 'Descriptor',
  proc: 'Process',
  container: 'Container',
  syslog: 'System log',
  k8s: 'Kubernetes',
  email: 'Email',
  postgresql: 'PostgreSQL',
  mysql: 'MySQL',
  mongodb: 'MongoDB',
  memcache: 'Memcached',
  redis: 'Redis',
  kafka: 'Kafka',
  cassandra: 'Cassandra',
  oracle: 'Oracle',
  diameter: 'Diameter',
  modbus: 'Modbus',
  websocket: 'WebSocket',
  suricata: 'Suricata',
  zeekintel: 'Zeek intelligence',
  krb5: 'Kerberos',
  isakmp: 'ISAKMP',
  bacnet: 'BACnet',
  synchrophasor: 'Synchrophasor',
  dcerpc: 'DCE/RPC',
  opcua: 'OPC UA',
};

/** The group of a field. */
export function groupOf(name: string): string {
  let best = '';
  let group = name.split('.', 1)[0]!;
  for (const [prefix, key] of places) {
    if (prefix.length > best.length && (name === prefix || name.startsWith(prefix + '.'))) [best, group] = [prefix, key];
  }
  return group;
}

/** What a group is called: protocols by their usual spelling, abbreviations in capitals. */
export function titleOf(key: string): string {
  return titles[key] ?? key.toUpperCase();
}

function isScalar(v: Value): v is string | number | boolean {
  return typeof v === 'string' || typeof v === 'number' || typeof v === 'boolean';
}

/** All values of a record with their full names, ordered by name. */
export function flatten(record: Rec): [string, (string | number | boolean)[]][] {
  const out: [string, (string | number | boolean)[]][] = [];
  const walk = (value: Value, name: string) => {
    if (isScalar(value)) out.push([name, [value]]);
    else if (Array.isArray(value)) {
      const values = value.filter(isScalar);
      if (values.length) out.push([name, values]);
    } else if (value) for (const key of Object.keys(value)) walk(value[key]!, name ? `${name}.${key}` : key);
  };
  walk(record, '');
  return out.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Names that come first in their group; the others follow by name. */
const leading = ['event.start', 'event.end', 'event.duration', 'source.ip', 'source.port', 'destination.ip', 'destination.port', 'network.protocol', 'network.transport', 'network.packets', 'network.bytes', 'method', 'query', 'path', 'status'];

/** The fields of a record by group, in the order in which they are shown. */
export function groups(record: Rec, registry: ReadonlyMap<string, Field>): Group[] {
  const byKey = new Map<string, Group>();
  for (const [name, values] of flatten(record)) {
    const info = registry.get(name);
    const key = groupOf(name);
    let group = byKey.get(key);
    if (!group) byKey.set(key, (group = { key, title: titleOf(key), fields: [] }));
    group.fields.push({ name, type: info?.type ?? guess(values), description: info?.description ?? '', kinds: info?.kinds ?? [], values });
  }
  const place = (f: FieldValues) => (leading.includes(f.name) ? leading.indexOf(f.name) : leading.length);
  for (const g of byKey.values()) g.fields.sort((a, b) => place(a) - place(b));
  const rank = (g: Group) => {
    const i = first.indexOf(g.key);
    return i >= 0 ? i : last.includes(g.key) ? first.length + 1 : first.length;
  };
  return [...byKey.values()].sort((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title, 'en'));
}

/** The type of values whose field the registry does not know. */
function guess(values: (string | number | boolean)[]): Field['type'] {
  return typeof values[0] === 'number' ? 'float' : typeof values[0] === 'boolean' ? 'boolean' : 'term';
}

/** A field's name within its group: what the group's title says already is left out. */
export function shortName(name: string, key: string): string {
  const parts = name.split('.');
  const says = key === 'source' || key === 'destination' ? ['source', 'destination'] : [key];
  return parts.length > 1 && says.includes(parts[0]!) ? parts.slice(1).join('.') : name;
}

/** Fields that are nothing but 0 are told in one line if there are so many of them in a group. */
const manyZeros = 3;

/** The fields of a group that are shown in full, and the counters that are 0. */
export function folded(group: Group): { shown: FieldValues[]; zeros: FieldValues[] } {
  const zero = (f: FieldValues) => f.values.every((v) => v === 0) && f.type !== 'date';
  const zeros = group.fields.filter(zero);
  return zeros.length < manyZeros ? { shown: group.fields, zeros: [] } : { shown: group.fields.filter((f) => !zero(f)), zeros };
}

/** Groups with only the fields whose name, description or a value holds text, in any case. */
export function narrow(list: Group[], text: string): Group[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return list;
  const has = (f: FieldValues) =>
    f.name.toLowerCase().includes(wanted) ||
    f.description.toLowerCase().includes(wanted) ||
    f.values.some((v) => String(v).toLowerCase().includes(wanted));
  return list
    .map((g) => (g.title.toLowerCase() === wanted ? g : { ...g, fields: g.fields.filter(has) }))
    .filter((g) => g.fields.length > 0);
}

/** A number at a name; 0 if there is none. */
export function number(r: Rec, name: string): number {
  const v = valuesOf(r, name)[0];
  return typeof v === 'number' ? v : 0;
}

/** A text at a name; empty if there is none. */
export function text(r: Rec, name: string): string {
  return String(valuesOf(r, name)[0] ?? '');
}
