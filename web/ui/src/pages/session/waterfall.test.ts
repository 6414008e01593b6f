import { expect, it } from 'vitest';
import { prepare } from './ladder';
import { request, response, scale, share, waterfall } from './waterfall';
import type { Rec } from '../../lib/api';
import type { Packet, Side } from './types';

const at = (us: number) => `2026-11-21T09:38:48.${String(us * 1000).padStart(9, '0')}Z`;
const rec = (r: object) => r as Rec;
const session = rec({ event: { start: at(0), end: at(1000) }, tcp: { handshake: 22396 } });
const transaction = (from: number, to: number, more: object = {}) => rec({ event: { id: `t${from}`, start: at(from), end: at(to), duration: (to - from) * 1000 }, ...more });
const packet = (us: number, from: Side, payload: number): Packet => ({ number: 0, time: at(us), length: 0, captured: 0, payload, from, protocol: '', info: '' });

it('lays bars out over the session', () => {
  const w = waterfall(session, [transaction(100, 300), transaction(400, 1000, { status: 'Error' })]);
  expect(w.span).toBe(1_000_000);
  expect(w.bars.map((b) => [b.from, b.to, b.error])).toEqual([[100_000, 300_000, false], [400_000, 1_000_000, true]]);
  expect(w.handshake).toEqual({ name: 'handshake', from: 0, to: 22396 });
  expect(share(250_000, 500_000, { from: 0, to: 1_000_000 })).toEqual({ left: 0.25, width: 0.25 });
  expect(share(0, 100, { from: 50, to: 150 })).toEqual({ left: 0, width: 0.5 });
  expect(share(0, 10, { from: 50, to: 150 })).toBeUndefined();
});

it('parts a bar by its packets', () => {
  const packets = prepare([packet(0, 'client', 0), packet(100, 'client', 50), packet(120, 'client', 50), packet(250, 'server', 900), packet(280, 'client', 0), packet(290, 'server', 900)]);
  const w = waterfall(session, [transaction(100, 300)], packets);
  expect(w.bars[0]!.phases).toEqual([
    { name: 'send', from: 100_000, to: 120_000 },
    { name: 'wait', from: 120_000, to: 250_000 },
    { name: 'receive', from: 250_000, to: 290_000 },
  ]);
});

it('leaves bars whole that overlap others or have no packets', () => {
  const packets = prepare([packet(100, 'client', 50), packet(250, 'server', 900)]);
  const w = waterfall(session, [transaction(100, 300), transaction(100, 400), transaction(500, 600)], packets);
  expect(w.bars.map((b) => b.phases.map((p) => p.name))).toEqual([['whole'], ['whole'], ['whole']]);
});

it('begins with what is first and never has no width', () => {
  const w = waterfall(rec({ event: { start: at(50), end: at(50) } }), [transaction(20, 20)]);
  expect(w.bars[0]!.from).toBe(0);
  expect(w.span).toBe(30_000);
  expect(waterfall(rec({ event: { start: at(5), end: at(5) } }), []).span).toBe(1);
});

it('says what was asked and answered', () => {
  expect(request(rec({ query: 'GET /', method: 'GET' }))).toBe('GET /');
  expect(request(rec({ method: 'SELECT', resource: 'orders' }))).toBe('SELECT orders');
  expect(response(rec({ http: { response: { status_code: 404, status_phrase: 'not found' } }, status: 'Error' }))).toBe('404 not found');
  expect(response(rec({ status: 'OK' }))).toBe('OK');
});

it('shows many transactions over the time of those in sight', () => {
  const w = waterfall(session, Array.from({ length: 100 }, (_, i) => transaction(i * 10, i * 10 + 5)));
  expect(scale(w, undefined, 10, 20)).toEqual({ from: 100_000, to: 195_000 });
  expect(scale(w, { from: 1, to: 2 }, 10, 20)).toEqual({ from: 1, to: 2 });
  expect(scale(waterfall(session, [transaction(0, 5)]), undefined, 0, 1)).toEqual({ from: 0, to: 1_000_000 });
});
