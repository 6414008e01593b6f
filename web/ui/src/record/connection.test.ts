import { expect, test } from 'vitest';
import type { Rec } from '../lib/api';
import { belonging, conditionOf, connection, connectionOf } from './connection';

const record = (kind: string, more: object) => ({ event: { id: 'n-1', kind, start: '2026-11-21T09:00:00.000000001Z', end: '2026-11-21T09:00:01Z' }, ...more }) as Rec;

test('a session and the calls on its socket have one connection', () => {
  const session = record('session', { source: { ip: '10.0.0.5', port: 40000 }, destination: { ip: '10.0.0.9', port: 80 }, network: { transport: 'tcp' } });
  const call = record('sysevent', { fd: { cip: '10.0.0.5', cport: 40000, sip: '10.0.0.9', sport: 80, l4proto: 'tcp' } });
  expect(connectionOf(call)).toEqual(connectionOf(session));
  expect(connectionOf(record('sysevent', { fd: { sip: '0.0.0.0', sport: 80, l4proto: 'tcp' } }))).toBeUndefined(); // it listens
  expect(connectionOf(record('session', { source: { ip: '10.0.0.5' }, destination: { ip: '10.0.0.9' }, network: { transport: 'icmp' } }))).toBeUndefined();
});

test('either end may stand on either side', () => {
  const c = connection(['10.0.0.5', '10.0.0.9'], [40000, 80], 'tcp')!;
  expect(conditionOf(c, 'session')).toBe('source.ip == [10.0.0.5, 10.0.0.9] && destination.ip == [10.0.0.5, 10.0.0.9] && source.port == [40000, 80] && destination.port == [40000, 80] && network.transport == tcp');
  expect(conditionOf(connection(['::1', '::1'], [53, 53], 'udp')!, 'sysevent')).toBe('fd.cip == ::1 && fd.sip == ::1 && fd.cport == 53 && fd.sport == 53 && fd.l4proto == udp');
});

test('a second on both sides belongs to it', () => {
  const c = connection(['10.0.0.5', '10.0.0.9'], [40000, 80], 'tcp')!;
  expect(belonging(c, 'sysevent', '2026-11-21T09:00:00.000000001Z', '2026-11-21T09:00:01Z')).toMatchObject({ from: '2026-11-21T08:59:59.000000001Z', kind: 'sysevent', bounding: 'either' });
});
