// What page Network asks and what it makes of the answers. Nothing here draws.

import { get, type Table } from '../../lib/api';
import { formatCount, shown } from '../../lib/format';

/** What an exporter sent and what became of it (docs/sflow.md). */
export interface Exporter {
  agent: string; // empty: all that could not be told apart
  sub_agent: number;
  netflow: boolean;
  sender: string;
  up: boolean;
  first: string;
  last: string;
  uptime_ms: number;
  datagrams: number;
  bytes: number;
  samples: number;
  datagrams_lost: number;
  socket_lost: number;
  datagrams_late: number;
  samples_lost: number;
  agent_drops: number;
  decode_errors: number;
  restarts: number;
  sources: Source[];
}

export interface Source {
  class: number;
  index: number;
  kind: 'flow' | 'counters';
  interface?: string;
  samples: number;
  samples_lost: number;
  agent_drops: number;
  sampling_rate?: number;
  packets?: number; // estimate
  margin?: number; // relative, of packets
}

export interface Report {
  running: boolean;
  time?: string; // none: no collector ever ran
  stats: { datagrams: number; bytes: number; records: number; refused: number; socket_drops: number; sink_errors: number };
  exporters: Exporter[];
  snmp_errors?: Record<string, string>;
}

export const askExporters = (signal?: AbortSignal) => get<Report>('/api/exporters', {}, signal);

/** What an exporter is called. */
export function nameOf(e: Exporter): string {
  if (e.agent === '') return 'not told apart';
  return e.sub_agent === 0 ? e.agent : `${e.agent}/${e.sub_agent}`;
}

/** So many of something. */
export function counted(n: number, what: string): string {
  return `${formatCount(n)} ${what}${n === 1 ? '' : 's'}`;
}

/** The ledger in a line: what is up, and what share was lost. */
export function summary(r: Report): { text: string; tone: 'good' | 'warn' | '' } {
  const known = r.exporters.filter((e) => e.agent !== '');
  if (!r.running) return { text: r.time ? 'the collector has ended' : 'no collector runs', tone: '' };
  if (known.length === 0) return { text: 'the collector waits for datagrams', tone: '' };
  const up = known.filter((e) => e.up).length;
  const sum = (of: (e: Exporter) => number) => r.exporters.reduce((n, e) => n + of(e), 0);
  const losses: [number, string, string][] = [
    [sum((e) => e.datagrams_lost), 'datagram', ' lost'],
    [sum((e) => e.samples_lost), 'sample', ' lost'],
    [sum((e) => e.agent_drops), 'sample', ' dropped by agents'],
    [sum((e) => e.decode_errors), 'decode error', ''],
  ];
  const lost = losses.filter(([n]) => n > 0).map(([n, what, how]) => counted(n, what) + how);
  const words = up === known.length ? `${counted(up, 'exporter')} up` : `${up} of ${counted(known.length, 'exporter')} up`;
  return { text: [words, ...(lost.length > 0 ? lost : ['nothing lost'])].join(' · '), tone: lost.length > 0 || up < known.length ? 'warn' : 'good' };
}

/** The class of a source in words. */
export const classes = ['interface', 'VLAN', 'physical', 'logical'];

/** A sum over samples, scaled, with how many samples it stands on. */
export interface Sum {
  value: number;
  samples: number;
  sampled: boolean; // by chance, so that the sum is an estimate
}

/**
 * The half of the interval in which the relative error of an estimate from n samples lies with 95 % confidence: 1.96·√(1/n), as
 * the collector has it (docs/sflow.md). 0 for what was not sampled by chance.
 */
export function margin(s: { samples: number; sampled: boolean }): number {
  if (!s.sampled) return 0;
  return s.samples > 0 ? Math.min(1, 1.96 * Math.sqrt(1 / s.samples)) : 1;
}

/** A margin as it stands behind a value. */
export function marginText(s: { samples: number; sampled: boolean }): string {
  const m = 100 * margin(s);
  if (m === 0) return 'exact';
  return `±${m >= 10 ? Math.round(m) : m.toFixed(1)} %`;
}

/** Metrics whose tables sums reads. */
export const sumsOf = (metric: string) => [metric, 'count', 'max(sflow.weight)'];

/** The sums in a table that was asked for with the metrics of sumsOf, whatever follows them. */
export function sums(t: Table): (Sum & { keys: string[] })[] {
  return t.rows.map((r) => ({ keys: r.keys, value: r.values[0] ?? 0, samples: r.values[1] ?? 0, sampled: (r.values[2] ?? 0) > 1 }));
}

/** What traffic is added up by. */
export type By = 'bytes' | 'packets';

/** Sums of a sum. */
export function plus(a: Sum, b: Sum): Sum {
  return { value: a.value + b.value, samples: a.samples + b.samples, sampled: a.sampled || b.sampled };
}

/** What can stand at both ends of a path. */
export const joins = [
  { id: '8', label: 'Networks /8', fields: ['source.ip', 'destination.ip'], note: '/32 in IPv6' },
  { id: '', label: 'Networks /16', fields: ['source.ip', 'destination.ip'], note: '/48 in IPv6' },
  { id: '24', label: 'Networks /24', fields: ['source.ip', 'destination.ip'], note: '/64 in IPv6' },
  { id: 'as', label: 'AS, by address', fields: ['source.as.full', 'destination.as.full'], note: 'needs --geo' },
  { id: 'bgp', label: 'AS, as routers say', fields: ['sflow.src_as', 'sflow.dst_as_path'], note: '' },
  { id: 'country', label: 'Countries', fields: ['source.geo.country_iso_code', 'destination.geo.country_iso_code'], note: 'needs --geo' },
  { id: 'vlan', label: 'VLANs', fields: ['sflow.in_vlan', 'sflow.out_vlan'], note: '' },
  { id: 'interface', label: 'Interfaces', fields: ['sflow.input', 'sflow.output'], note: '' },
] as const;
export type Join = (typeof joins)[number];

/** The bits that a network has of an address, IPv4 and IPv6, by the id of what joins paths. */
const bits: Record<string, [number, number]> = { '8': [8, 32], '': [16, 48], '24': [24, 64] };

/** The value of a path's end that an address or another key belongs to. */
export function endOf(key: string, join: string): string {
  const b = bits[join];
  if (!b || key === '') return key;
  return key.includes(':') ? network6(key, b[1]) : `${key.split('.').map((n, i) => (8 * i < b[0] ? n : '0')).join('.')}/${b[0]}`;
}

/** The network of so many bits, whole words, that an IPv6 address lies in. */
function network6(ip: string, prefix: number): string {
  const [head = '', tail] = ip.split('::') as [string, string | undefined];
  const before = head.split(':').filter(Boolean);
  const behind = (tail ?? '').split(':').filter(Boolean);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - behind.length);
  const words = [...before, ...Array<string>(zeros).fill('0'), ...behind].slice(0, prefix / 16);
  while (words.at(-1) === '0') words.pop();
  return `${words.join(':')}::/${prefix}`;
}

/** Traffic by its ends and the exporter between them. */
export interface Through extends Sum {
  names: string[];
}

/** Paths from a table by one end, observer.ip and the other end, those of most traffic first. */
export function joined(t: Table, join: string): Through[] {
  const all = new Map<string, Through>();
  for (const { keys, ...sum } of sums(t)) {
    const [from = '', agent = '', to = ''] = keys;
    const names = join === 'interface' ? [`${agent} ${from}`, agent, `${agent} ${to}`] : [endOf(from, join), agent, endOf(to, join)];
    const key = names.join('\n');
    const had = all.get(key);
    all.set(key, { names, ...(had ? plus(had, sum) : sum) });
  }
  return [...all.values()].sort((a, b) => b.value - a.value || a.names.join().localeCompare(b.names.join()));
}

/** An end of a path in words. */
export function endText(name: string, join: string): string {
  if (join === 'interface') {
    const [agent = '', index = ''] = name.split(' ');
    return `${interfaceText(index)} of ${shown(agent, 60)}`;
  }
  if (name === '') return 'unknown';
  if (join === 'vlan') return `VLAN ${name}`;
  return (join === 'bgp' ? 'AS ' : '') + shown(name, 60);
}

/** An ifIndex in words (sFlow v5 §5.3). */
export function interfaceText(index: string): string {
  if (index === '' || index === '0') return 'unknown';
  return index === '1073741823' ? 'itself' : `interface ${index}`;
}

/** Ports from which systems take those of clients by themselves (Linux; IANA begins at 49152). */
export const ephemeral = 32768;

/** Names of ports that are seen much (IANA). */
const services: Record<number, string> = {
  20: 'ftp-data', 21: 'ftp', 22: 'ssh', 23: 'telnet', 25: 'smtp', 53: 'dns', 67: 'dhcp', 68: 'dhcp', 80: 'http', 88: 'kerberos', 110: 'pop3', 123: 'ntp', 137: 'netbios-ns', 139: 'netbios', 143: 'imap',
  161: 'snmp', 162: 'snmp-trap', 179: 'bgp', 389: 'ldap', 443: 'https', 445: 'smb', 465: 'submissions', 500: 'ike', 514: 'syslog', 587: 'submission', 636: 'ldaps', 853: 'dot', 873: 'rsync', 993: 'imaps',
  995: 'pop3s', 1194: 'openvpn', 1433: 'mssql', 1521: 'oracle', 1883: 'mqtt', 2049: 'nfs', 2055: 'netflow', 3306: 'mysql', 3389: 'rdp', 4500: 'ipsec-nat', 4789: 'vxlan', 5060: 'sip', 5432: 'postgresql',
  5672: 'amqp', 6081: 'geneve', 6343: 'sflow', 6379: 'redis', 8080: 'http-alt', 8443: 'https-alt', 9042: 'cassandra', 9092: 'kafka', 9200: 'elasticsearch', 11211: 'memcached', 27017: 'mongodb',
};

/** What a port of a transport is called. */
export function service(transport: string, port: number): string {
  const name = services[port];
  return `${transport || '?'} ${port}${name ? ` ${name}` : ''}`;
}

/** A protocol with its traffic. q is the condition that finds it. */
export interface Protocol extends Sum {
  label: string;
  q: string;
}

/**
 * Protocols of traffic by transport, source and destination port: that of the server, which is the lower one of two that clients do
 * not use. tables are those of the questions in protocolQuestions; what has no such port goes by its transport alone.
 */
export function protocols(rows: { transport: string; source: string; destination: string; sum: Sum }[], most: number): Protocol[] {
  const all = new Map<string, Protocol>();
  for (const r of rows) {
    const ports = [r.source, r.destination].filter((p) => p !== '').map(Number).filter((p) => p < ephemeral);
    const port = ports.length > 0 ? Math.min(...ports) : undefined;
    const label = port === undefined ? r.transport || 'without IP' : service(r.transport, port);
    const transport = r.transport === '' ? 'network.transport != EXISTS!' : `network.transport == ${r.transport}`;
    const q = port === undefined ? transport : `${transport} && port == ${port}`;
    const had = all.get(label);
    all.set(label, { label, q, ...(had ? plus(had, r.sum) : r.sum) });
  }
  return [...all.values()].sort((a, b) => b.value - a.value || a.label.localeCompare(b.label)).slice(0, most);
}

/** A host of a web server with its requests by class of status: 1xx to 5xx. */
export interface Host extends Sum {
  host: string;
  classes: number[];
  p95: number; // ns
}

/** Classes of status by their first digit, as they are drawn. */
export const statusClasses = [
  { class: 2, label: '2xx', colour: '--c1' },
  { class: 3, label: '3xx', colour: '--c2' },
  { class: 4, label: '4xx', colour: '--c3' },
  { class: 5, label: '5xx', colour: '--c5' },
  { class: 1, label: '1xx', colour: '--c7' },
  { class: 0, label: 'other', colour: '--c8' },
];

/** Metrics of requests: each sample stands for so many. */
export const requestMetrics = [...sumsOf('sum(sflow.weight)'), 'p95(event.duration)'];

/** Hosts from a table by url.domain and status, and one by url.domain alone, both with requestMetrics. */
export function hosts(byStatus: Table, byHost: Table): Host[] {
  const of = new Map<string, number[]>();
  for (const r of byStatus.rows) {
    const [host = '', status = ''] = r.keys;
    const list = of.get(host) ?? of.set(host, [0, 0, 0, 0, 0, 0]).get(host)!;
    const c = Math.floor(Number(status) / 100);
    list[c >= 1 && c <= 5 ? c : 0]! += r.values[0] ?? 0;
  }
  return sums(byHost).map(({ keys: [host = ''], ...sum }, i) => ({ ...sum, host, p95: byHost.rows[i]!.values[3] ?? 0, classes: of.get(host) ?? [0, 0, 0, 0, 0, 0] }));
}

/** An interface with its rates in bits a second, average and highest, in a time range. */
export interface Port {
  id: string; // agent/ifIndex
  agent: string;
  index: string;
  name: string;
  speed: number; // bits a second; 0: not known
  input: Rate;
  output: Rate;
  used: number; // highest utilisation; 1 is full
  errors: number; // that its counters grew by
  discards: number;
}

export interface Rate {
  mean: number;
  peak: number;
}

export const portMetrics = [
  'avg(sflow.in_bit_rate)', 'max(sflow.in_bit_rate)', 'avg(sflow.out_bit_rate)', 'max(sflow.out_bit_rate)', 'max(sflow.utilization)', 'max(sflow.ifSpeed)',
  'max(sflow.ifInErrors)', 'min(sflow.ifInErrors)', 'max(sflow.ifOutErrors)', 'min(sflow.ifOutErrors)',
  'max(sflow.ifInDiscards)', 'min(sflow.ifInDiscards)', 'max(sflow.ifOutDiscards)', 'min(sflow.ifOutDiscards)',
];

/** Interfaces from a table by observer.ip, sflow.ifIndex and observer.interface.name with portMetrics, the fullest first. */
export function ports(t: Table): Port[] {
  const all = new Map<string, Port>();
  for (const r of t.rows) {
    const [agent = '', index = '', name = ''] = r.keys;
    const v = r.values.map((x) => x ?? 0);
    const grown = (i: number) => Math.max(0, v[i]! - v[i + 1]!);
    const p: Port = {
      id: `${agent}/${index}`, agent, index, name, speed: v[5]!, input: { mean: v[0]!, peak: v[1]! }, output: { mean: v[2]!, peak: v[3]! }, used: v[4]!,
      errors: grown(6) + grown(8), discards: grown(10) + grown(12),
    };
    const had = all.get(p.id); // its name came or changed meanwhile
    all.set(p.id, had ? merged(had, p) : p);
  }
  return [...all.values()].sort((a, b) => b.used - a.used || b.input.peak + b.output.peak - a.input.peak - a.output.peak || a.id.localeCompare(b.id, 'en', { numeric: true }));
}

/** An interface in words. */
export function portText(p: Port): string {
  return `${p.name !== '' ? shown(p.name, 60) : `ifIndex ${p.index}`} of ${shown(p.agent, 60)}`;
}

/** An interface under two names; the averages are those of the one that has a name. */
function merged(a: Port, b: Port): Port {
  const [named, other] = a.name !== '' ? [a, b] : [b, a];
  const peak = (x: Rate, y: Rate) => ({ mean: x.mean, peak: Math.max(x.peak, y.peak) });
  return {
    ...named, speed: Math.max(a.speed, b.speed), used: Math.max(a.used, b.used), errors: a.errors + b.errors, discards: a.discards + b.discards,
    input: peak(named.input, other.input), output: peak(named.output, other.output),
  };
}
