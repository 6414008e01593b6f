import { expect, test } from 'vitest';
import type { Table } from '../../lib/api';
import { endOf, endText, hosts, joined, marginText, margin, ports, portText, protocols, summary, type Exporter, type Report } from './network';

const table = (by: string[], rows: [keys: string[], values: (number | null)[]][]): Table => ({
  by, metrics: [], interval: '0', more: false, coverage: { files: 0, files_done: 0, records: 0, dropped_packets: 0, partial: false }, rows: rows.map(([keys, values]) => ({ keys, values })),
});

test('the margin is the one that the collector states: 1.96/√n', () => {
  expect(margin({ samples: 100, sampled: true })).toBeCloseTo(0.196);
  expect(margin({ samples: 1, sampled: true })).toBe(1);
  expect(margin({ samples: 0, sampled: true })).toBe(1);
  expect(margin({ samples: 3, sampled: false })).toBe(0);
  expect([{ samples: 10_000, sampled: true }, { samples: 100, sampled: true }, { samples: 5, sampled: false }].map(marginText)).toEqual(['±2.0 %', '±20 %', 'exact']);
});

test('addresses lie in networks', () => {
  expect(['8', '', '24'].map((j) => endOf('10.20.30.40', j))).toEqual(['10.0.0.0/8', '10.20.0.0/16', '10.20.30.0/24']);
  expect(['8', '', '24'].map((j) => endOf('2001:db8:1:2:3:4:5:6', j))).toEqual(['2001:db8::/32', '2001:db8:1::/48', '2001:db8:1:2::/64']);
  expect(['2001:db8::7', '::1', 'fe80::1:2', '::', '2001::5:0:0:0:1'].map((ip) => endOf(ip, ''))).toEqual(['2001:db8::/48', '::/48', 'fe80::/48', '::/48', '2001::/48']);
  expect(endOf('1:0:0:2::', '24')).toBe('1:0:0:2::/64');
  expect([endOf('', ''), endOf('AS64500 Example', 'as'), endOf('DE', 'country')]).toEqual(['', 'AS64500 Example', 'DE']);
});

test('paths with the same ends are one, the largest first', () => {
  const t = table(['source.ip', 'observer.ip', 'destination.ip'], [
    [['10.1.0.1', '192.0.2.1', '10.2.0.1'], [500, 5, 100]],
    [['10.1.9.9', '192.0.2.1', '10.2.7.7'], [600, 4, 100]],
    [['10.1.0.1', '192.0.2.2', '10.2.0.1'], [900, 1, 1]],
    [['', '192.0.2.2', ''], [1, null, null]],
  ]);
  expect(joined(t, '')).toEqual([
    { names: ['10.1.0.0/16', '192.0.2.1', '10.2.0.0/16'], value: 1100, samples: 9, sampled: true },
    { names: ['10.1.0.0/16', '192.0.2.2', '10.2.0.0/16'], value: 900, samples: 1, sampled: false },
    { names: ['', '192.0.2.2', ''], value: 1, samples: 0, sampled: false },
  ]);
  // the numbers of interfaces mean something within their exporter only
  expect(joined(table([], [[['3', '192.0.2.1', '4'], [7, 1, 9]], [['3', '192.0.2.2', '1073741823'], [5, 1, 9]]]), 'interface').map((p) => p.names)).toEqual([
    ['192.0.2.1 3', '192.0.2.1', '192.0.2.1 4'],
    ['192.0.2.2 3', '192.0.2.2', '192.0.2.2 1073741823'],
  ]);
  expect([endText('192.0.2.1 3', 'interface'), endText('192.0.2.1 1073741823', 'interface'), endText('', ''), endText('7', 'vlan'), endText('64500', 'bgp')]).toEqual([
    'interface 3 of 192.0.2.1', 'itself of 192.0.2.1', 'unknown', 'VLAN 7', 'AS 64500',
  ]);
  expect(endText('\u202eevil', 'as')).toBe('\\u{202e}evil');
});

test('a protocol is its transport and the port of its server, whichever side sent', () => {
  const row = (transport: string, source: string, destination: string, value: number) => ({ transport, source, destination, sum: { value, samples: 1, sampled: true } });
  const list = protocols([row('tcp', '', '443', 10), row('tcp', '443', '', 90), row('udp', '123', '123', 5), row('udp', '53', '8080', 4), row('icmp', '', '', 3), row('', '', '', 2), row('tcp', '40000', '50000', 1)], 5);
  expect(list.map((p) => [p.label, p.value, p.samples])).toEqual([['tcp 443 https', 100, 2], ['udp 123 ntp', 5, 1], ['udp 53 dns', 4, 1], ['icmp', 3, 1], ['without IP', 2, 1]]);
  expect(list.map((p) => p.q)).toEqual([
    'network.transport == tcp && port == 443', 'network.transport == udp && port == 123', 'network.transport == udp && port == 53', 'network.transport == icmp', 'network.transport != EXISTS!',
  ]);
});

test('hosts have their requests by class of status', () => {
  const status = table([], [[['a.test', '200'], [90, 9, 10, 1]], [['a.test', '404'], [10, 1, 10, 1]], [['b.test', '503'], [5, 5, 1, 1]], [['', '999'], [1, 1, 1, 1]]]);
  const host = table([], [[['a.test'], [100, 10, 10, 5e6]], [['b.test'], [5, 5, 1, null]], [['constructor'], [1, 1, 1, 1]]]);
  expect(hosts(status, host)).toEqual([
    { host: 'a.test', value: 100, samples: 10, sampled: true, p95: 5e6, classes: [0, 0, 90, 0, 10, 0] },
    { host: 'b.test', value: 5, samples: 5, sampled: false, p95: 0, classes: [0, 0, 0, 0, 0, 5] },
    { host: 'constructor', value: 1, samples: 1, sampled: false, p95: 1, classes: [0, 0, 0, 0, 0, 0] },
  ]);
});

test('interfaces come fullest first, one each, whatever they were called', () => {
  const rates = (mean: number, used: number | null, speed: number | null) => [mean, 2 * mean, 1, 2, used, speed, 5, 3, 1, 1, 0, 0, 9, 2];
  const list = ports(table([], [
    [['192.0.2.1', '10', ''], rates(1, null, null)],
    [['192.0.2.1', '2', ''], rates(1, 0.2, 1e9)],
    [['192.0.2.1', '2', 'uplink'], rates(7, 0.1, 1e9)],
    [['192.0.2.2', '2', 'eth0'], rates(9, 0.9, 1e8)],
  ]));
  expect(list.map((p) => [p.id, p.name, p.speed, p.used])).toEqual([['192.0.2.2/2', 'eth0', 1e8, 0.9], ['192.0.2.1/2', 'uplink', 1e9, 0.2], ['192.0.2.1/10', '', 0, 0]]);
  expect([list[1]!.input, list[1]!.errors, list[1]!.discards]).toEqual([{ mean: 7, peak: 14 }, 4, 14]);
  expect(list.map(portText)).toEqual(['eth0 of 192.0.2.2', 'uplink of 192.0.2.1', 'ifIndex 10 of 192.0.2.1']);
});

test('the ledger in a line', () => {
  const e = (more: Partial<Exporter>): Exporter => ({
    agent: '192.0.2.1', sub_agent: 0, netflow: false, sender: '', up: true, first: '', last: '', uptime_ms: 0, datagrams: 1, bytes: 0, samples: 0, datagrams_lost: 0, socket_lost: 0, datagrams_late: 0,
    samples_lost: 0, agent_drops: 0, decode_errors: 0, restarts: 0, sources: [], ...more,
  });
  const r = (running: boolean, exporters: Exporter[], time?: string): Report => ({ running, time, stats: { datagrams: 0, bytes: 0, records: 0, refused: 0, socket_drops: 0, sink_errors: 0 }, exporters });
  expect(summary(r(false, []))).toEqual({ text: 'no collector runs', tone: '' });
  expect(summary(r(false, [e({})], '2026-11-21T09:00:00Z')).text).toBe('the collector has ended');
  expect(summary(r(true, [e({ agent: '' })], 'now')).text).toBe('the collector waits for datagrams');
  expect(summary(r(true, [e({})], 'now'))).toEqual({ text: '1 exporter up · nothing lost', tone: 'good' });
  expect(summary(r(true, [e({}), e({ up: false, datagrams_lost: 1200, samples_lost: 1 }), e({ agent: '', decode_errors: 2 })], 'now'))).toEqual({
    text: '1 of 2 exporters up · 1,200 datagrams lost · 1 sample lost · 2 decode errors', tone: 'warn',
  });
});
