import { expect, it } from 'vitest';
import { flatten, folded, groupOf, groups, narrow, number, shortName, text, titleOf } from './fields';
import type { Field, Rec } from '../lib/api';

const rec = (r: object) => r as Rec;
const record = rec({
  source: { ip: '10.0.0.1', port: 4000, tcp: { rtt: 26499 } },
  destination: { ip: '10.0.0.2', port: 80 },
  client: { bytes: 115 },
  event: { start: '2026-11-21T09:38:48.644513355Z', duration: 398587 },
  network: { protocol: ['http', 'tcp'] },
  http: { response: { status_code: [200, 404], headers: { 'content-length': 44 } } },
  url: { path: ['/', '/<b>'] },
  cert: { hash: ['ab'] },
  dns: { host: ['a.example'] },
  session: { final: true },
});
const field = (name: string, type: Field['type']): [string, Field] => [name, { name, type, set: true, kinds: ['session'], aliases: [], description: 'about ' + name }];
const registry = new Map([field('source.ip', 'ip'), field('event.duration', 'duration'), field('client.bytes', 'bytes')]);

it('flattens records', () => {
  expect(flatten(record).slice(0, 4)).toEqual([
    ['cert.hash', ['ab']],
    ['client.bytes', [115]],
    ['destination.ip', ['10.0.0.2']],
    ['destination.port', [80]],
  ]);
  expect(flatten(rec({ a: null, b: [], c: { d: [null, 1] } }))).toEqual([['c.d', [1]]]);
});

it('groups by protocol, ends first, all fields kept', () => {
  const list = groups(record, registry);
  expect(list.map((g) => g.title)).toEqual(['Session', 'Client', 'Server', 'Network', 'TCP', 'DNS', 'HTTP', 'TLS']);
  expect(list.flatMap((g) => g.fields).length).toBe(flatten(record).length);
  expect(list[1]!.fields.map((f) => [f.name, f.type])).toEqual([['source.ip', 'ip'], ['source.port', 'float'], ['client.bytes', 'bytes']]);
  expect(list[6]!.fields.map((f) => f.name)).toContain('url.path');
});

it.each([
  ['source.tcp.rtt', 'tcp'],
  ['source.ip', 'source'],
  ['server.bytes', 'destination'],
  ['cert.issuer.common_name', 'tls'],
  ['mysql.affected_rows', 'mysql'],
  ['typewriter', 'typewriter'],
  ['type', 'transaction'],
  ['constructor', 'constructor'],
])('%s belongs to %s', (name, want) => expect(groupOf(name)).toBe(want));

it('names things', () => {
  expect(titleOf('sip')).toBe('SIP');
  expect(titleOf('postgresql')).toBe('PostgreSQL');
  expect(shortName('http.response.status_code', 'http')).toBe('response.status_code');
  expect(shortName('url.path', 'http')).toBe('url.path');
  expect(shortName('source.ip', 'source')).toBe('ip');
  expect(shortName('client.bytes', 'source')).toBe('client.bytes');
});

it('narrows to names, descriptions and values', () => {
  const list = groups(record, registry);
  expect(narrow(list, 'STATUS').map((g) => g.key)).toEqual(['http']);
  expect(narrow(list, '<b>').flatMap((g) => g.fields.map((f) => f.name))).toEqual(['url.path']);
  expect(narrow(list, 'about event')[0]!.fields.length).toBe(1);
  expect(narrow(list, 'http').find((g) => g.key === 'http')!.fields.length).toBe(3);
  expect(narrow(list, '  ')).toBe(list);
  expect(narrow(list, 'nothing like it')).toEqual([]);
});

it('reads values by name', () => {
  expect(number(record, 'source.tcp.rtt')).toBe(26499);
  expect(number(record, 'source.ip')).toBe(0);
  expect(text(record, 'session.final')).toBe('true');
  expect(text(record, 'no.such')).toBe('');
});

it('tells many counters that are 0 in one line', () => {
  const flags = (n: number) => groups(rec({ tcp: { flags: Object.fromEntries([['syn', 1], ['a', 0], ['b', 0], ['c', 0]].slice(0, n)) } }), registry)[0]!;
  const names = (list: { name: string }[]) => list.map((f) => f.name);
  expect(names(folded(flags(4)).shown)).toEqual(['tcp.flags.syn']);
  expect(names(folded(flags(4)).zeros)).toEqual(['tcp.flags.a', 'tcp.flags.b', 'tcp.flags.c']);
  expect(folded(flags(3)).zeros).toEqual([]);
});
