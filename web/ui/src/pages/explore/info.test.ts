import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Rec } from '../../lib/api';
import { chosen, columnsOf, fieldsOf, protocolsOf } from './columns';
import { info, infoFields } from './info';
import { merge } from './live.svelte';

const session = (more: object): Rec => ({ event: { id: 'n-1', kind: 'session', start: '2026-11-21T09:00:00Z', end: '2026-11-21T09:00:01Z' }, ...more }) as Rec;
const text = (r: Rec) => info(r).map((p) => p.text).join(' ');

test('every field that is asked for is in the registry', () => {
  const known = new Set([...readFileSync(new URL('../../../../../docs/fields.md', import.meta.url), 'utf8').matchAll(/^\| `([^`]+)`/gm)].map((m) => m[1]));
  expect(known.size).toBeGreaterThan(500);
  for (const f of Object.values(infoFields).flat()) expect(known.has(f), f).toBe(true);
});

test('the line of a session is that of what is carried', () => {
  const r = session({ network: { protocol: ['tcp', 'http'] }, http: { request: { method: ['GET', 'POST'] }, response: { status_code: [200, 503] } }, url: { domain: ['a.test'], path: ['/x'] } });
  expect(text(r)).toBe('GET +1 a.test /x 200 503');
  expect(info(r).find((p) => p.value === '503')).toMatchObject({ field: 'http.response.status_code', tone: 'bad' });
  expect(text(session({ network: { protocol: ['udp', 'dns'] }, dns: { host: ['a.test'], response_code: ['NXDOMAIN'] } }))).toBe('a.test NXDOMAIN');
  expect(text(session({ network: { protocol: ['tcp'] }, session: { state: 'rst' }, tcp: { handshake: 1_200_000 }, source: { tcp: { retransmissions: 2 } } }))).toBe('reset handshake 1.2 ms 2 retransmitted');
});

test('the line of a transaction falls back to its query', () => {
  const r = session({ query: 'SELECT 1', status: 'Error', error: { message: ['no such table'] } });
  r.event.kind = 'transaction';
  r.event.dataset = 'mysql';
  expect(text(r)).toBe('SELECT 1 no such table');
});

test('columns', () => {
  expect(chosen('', 'transaction')[1]).toBe('client');
  expect(chosen('start,url.path,start', 'session')).toEqual(['start', 'url.path']);
  expect(fieldsOf(['start', 'source', 'url.path'], 'session')).toEqual(['source.ip', 'source.port', 'source.mac', 'url.path', 'session.state']);
  const [start, bytes] = columnsOf(['start', 'bytes'], new Map(), { bytes: 200 }, true);
  expect(start!.width).toBeGreaterThan(150);
  expect(bytes).toMatchObject({ width: 200, align: 'right', sortable: true });
  expect(protocolsOf(session({ network: { protocol: ['tcp', 'tls', 'http2'], transport: 'tcp' } })).map((p) => p.name)).toEqual(['tls', 'http2']);
  expect(protocolsOf(session({ network: { transport: 'sctp' } }))).toEqual([{ name: 'sctp', field: 'network.transport' }]);
});

test('parts of a live session are one row', () => {
  const part = (id: string, bytes: number): Rec => ({ ...session({ network: { bytes } }), event: { id, kind: 'session', start: '2026-11-21T09:00:00Z', end: 'x' } });
  const rows = merge([part('a', 1)], [part('b', 5), part('a', 10), part('c', 7), part('b', 1)]);
  expect(rows.map((r) => [r.event.id, (r.network as { bytes: number }).bytes])).toEqual([['c', 7], ['b', 6], ['a', 11]]);
});

test('the line of a call says first what it is about', () => {
  const call = (evt: object, fd: object): Rec => ({ event: { id: 'n-1', kind: 'sysevent', start: '', end: '' }, evt, fd }) as unknown as Rec;
  const read = call({ args: 'fd=9(<4t>10.0.0.1:5->10.0.0.2:80) size=3 res=3 data=a b' }, { num: 9, name: '10.0.0.1:5->10.0.0.2:80' });
  expect(text(read)).toBe('10.0.0.1:5->10.0.0.2:80 size=3 res=3 data=a b');
  expect(info(read)[0]).toMatchObject({ field: 'fd.name', tone: 'strong' });
  expect(text(call({ args: 'fd=-2(ENOENT) name=/x', abspath: '/x' }, {}))).toBe('/x fd=-2(ENOENT) name=/x');
  expect(text(call({ args: 'fd=9(<f>/a) fd=8(<f>/b)' }, { num: 7, name: '/b' }))).toBe('/b fd=9(<f>/a) fd=8(<f>/b)'); // another descriptor's stays
});
