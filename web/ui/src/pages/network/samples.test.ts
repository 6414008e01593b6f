import { expect, test } from 'vitest';
import type { Rec } from '../../lib/api';
import { communityId, sessionState, through, weight, what } from './samples';

const rec = (more: object): Rec => ({ event: { id: 'x', kind: 'sample', start: '2026-11-21T09:40:00Z', end: '2026-11-21T09:40:00.5Z' }, ...more }) as Rec;

test('a sample leads to its 5-tuple, a minute around it', () => {
  const r = rec({ network: { community_id: '1:abc/+=' } });
  expect(communityId(r)).toBe('1:abc/+=');
  expect(sessionState(r)).toMatchObject({ q: 'network.community_id == "1:abc/+="', kind: 'session', from: '2026-11-21T09:39:00.5Z', to: '2026-11-21T09:41:00.5Z', bounding: 'either' });
  expect(communityId(rec({}))).toBe('');
});

test('what was sampled, in a line', () => {
  expect(what(rec({ network: { transport: 'tcp' }, sflow: { frame_length: 1518 } }))).toBe('tcp 1.52 kB');
  expect(what(rec({ network: { transport: 'udp', bytes: 90 }, sflow: { discard_reason: 'ttl' } }))).toBe('udp 90 B dropped: ttl');
  expect(what(rec({ http: { request: { method: ['GET'] }, response: { status_code: [503] }, uri: ['/a?b'] }, url: { domain: ['www.test'] } }))).toBe('GET www.test/a?b 503 in 0 ns');
  expect(what(rec({}))).toBe('without IP 0 B');
});

test('whence and whither, by name where there is one', () => {
  expect(through(rec({ sflow: { input: 3, output: 1073741823 }, observer: { ingress: { interface: { name: ['uplink'] } } } }))).toBe('uplink → itself');
  expect(through(rec({ sflow: { input: 0, output: 4 } }))).toBe('unknown → 4');
  expect(through(rec({}))).toBe('');
  expect([weight(rec({ sflow: { weight: 1000, type: 'flow' } })), weight(rec({ sflow: { weight: 1, type: 'discard' } })), weight(rec({ sflow: { type: 'netflow' } }))]).toEqual(['1:1,000', 'discard', 'netflow']);
});
