import { describe, expect, it } from 'vitest';
import { before, clamp, columns, events, gapBands, hit, labels, Mark, pan, prepare, reveal, summary, whole, zoom } from './ladder';
import type { Packet, Side } from './types';

const start = 1_795_253_928n * 1_000_000_000n;

function packet(ns: number, from: Side, payload = 0, flags: string[] = [], analysis: string[] = []): Packet {
  const t = start + BigInt(ns);
  const time = new Date(Number(t / 1_000_000n)).toISOString().slice(0, 19) + '.' + (t % 1_000_000_000n).toString().padStart(9, '0') + 'Z';
  return { number: 0, time, length: payload + 54, captured: payload + 54, payload, from, protocol: 'TCP', info: '', tcp: { seq: 0, ack: 0, window: 0, flags }, analysis };
}

/** A handshake, a request, an answer of which a segment comes twice and one is lost, an end by reset. */
const session = prepare([
  packet(0, 'client', 0, ['SYN']),
  packet(100, 'server', 0, ['SYN', 'ACK']),
  packet(150, 'client', 0, ['ACK']),
  packet(200, 'client', 100, ['PSH', 'ACK']),
  packet(400, 'server', 1000, ['ACK']),
  packet(500, 'server', 1000, ['ACK'], ['retransmission']),
  packet(600, 'server', 250, ['ACK'], ['gap']),
  packet(1000, 'client', 0, ['RST'], ['reset']),
]);

it('makes packets ready', () => {
  expect(session.count).toBe(8);
  expect([...session.time]).toEqual([0, 100, 150, 200, 400, 500, 600, 1000]);
  expect(session.span).toBe(1000);
  expect(session.most).toBe(1000);
  expect(session.marks[5]).toBe(Mark.retransmission);
  expect(session.marks[7]).toBe(Mark.rst);
  const later = prepare([packet(500, 'client'), packet(700, 'server')], start);
  expect([[...later.time], later.span, whole(later, 'time')]).toEqual([[500, 700], 200, { from: 496, to: 704 }]);
  expect([...prepare([packet(10, 'client'), packet(5, 'server')]).time]).toEqual([0, 0]);
});

describe('columns', () => {
  it('puts each packet where its time is', () => {
    const list = columns(session, 'time', { from: 0, to: 1001 }, 1001, 1);
    expect(list.map((c) => [c.x, c.side])).toEqual([[0, 0], [150, 0], [200, 0], [1000, 0], [100, 1], [400, 1], [500, 1], [600, 1]]);
    expect(list.find((c) => c.x === 400)!.height).toBe(1);
    expect(list.find((c) => c.x === 600)!.height).toBe(0.5);
    expect(list.find((c) => c.x === 150)!.height).toBe(0);
  });

  it('joins what shares a column, and loses no packet and no mark', () => {
    const list = columns(session, 'time', whole(session, 'time'), 20, 10);
    expect(list.reduce((n, c) => n + c.packets, 0)).toBe(8);
    expect(list.reduce((m, c) => m | c.marks, 0)).toBe(Mark.syn | Mark.rst | Mark.retransmission | Mark.gap);
    expect(list.length).toBeLessThanOrEqual(4);
  });

  it('stays as small as the width for very many packets, quickly', () => {
    const many = prepare(Array.from({ length: 20_000 }, (_, i) => packet(i * 50, i % 3 ? 'server' : 'client', (i * 37) % 1460)));
    const begin = performance.now();
    const list = columns(many, 'time', whole(many, 'time'), 1200, 3);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(list.length).toBeLessThanOrEqual(2 * 400);
    expect(list.reduce((n, c) => n + c.packets, 0)).toBe(20_000);
  });

  it('has one place a packet in order', () => {
    const list = columns(session, 'order', { from: -0.5, to: 7.5 }, 80, 1);
    expect(list.map((c) => c.x).sort((a, b) => a - b)).toEqual([5, 15, 25, 35, 45, 55, 65, 75]);
  });
});

it('finds the packet under the pointer', () => {
  const range = { from: 0, to: 1000 };
  expect(hit(session, 'time', range, 1000, 402, undefined)).toBe(4);
  expect(hit(session, 'time', range, 1000, 396, 1)).toBe(4);
  expect(hit(session, 'time', range, 1000, 396, 0)).toBe(-1);
  expect(hit(session, 'time', range, 1000, 800, undefined)).toBe(-1);
  expect(hit(prepare([]), 'time', { from: 0, to: 1 }, 10, 5, undefined)).toBe(-1);
});

it('draws a gap from the packet before the hole to the one behind it', () => {
  expect(gapBands(session, 'time', { from: 0, to: 1000 }, 1000)).toEqual([{ side: 1, x: 500, width: 100 }]);
  expect(gapBands(session, 'time', { from: 0, to: 100 }, 1000)).toEqual([]);
});

it('zooms around a point and stays within', () => {
  const all = { from: 0, to: 1000 };
  expect(zoom(all, 500, 0.5, all, 1)).toEqual({ from: 250, to: 750 });
  expect(zoom({ from: 0, to: 100 }, 0, 0.5, all, 80)).toEqual({ from: 0, to: 80 });
  expect(zoom({ from: 0, to: 100 }, 50, 100, all, 1)).toEqual(all);
  expect(pan({ from: 0, to: 100 }, -50, all)).toEqual({ from: 0, to: 100 });
  expect(pan({ from: 0, to: 100 }, 5000, all)).toEqual({ from: 900, to: 1000 });
  expect(reveal({ from: 0, to: 100 }, 500, all)).toEqual({ from: 450, to: 550 });
  expect(reveal({ from: 0, to: 100 }, 50, all)).toEqual({ from: 0, to: 100 });
  expect(clamp({ from: -10, to: 2000 }, all)).toEqual(all);
});

it('counts the packets before a time', () => {
  expect(before(session, 'time', 0)).toBe(0);
  expect(before(session, 'time', 400)).toBe(4);
  expect(before(session, 'time', 1e9)).toBe(8);
});

it('tells what happened in words', () => {
  expect(summary(session)).toBe(
    '8 packets in 1 µs: 4 from the client with 100 bytes of payload, 4 from the server with 2,250 bytes of payload. 2 SYN, 1 reset, 1 retransmission, 1 gap.',
  );
  expect(summary(prepare([]))).toBe('No packets.');
  expect(summary(prepare([packet(0, 'client', 5)]))).toBe('1 packet in 0 ns: 1 from the client with 5 bytes of payload, 0 from the server with 0 bytes of payload.');
});

it('lists what is worth telling, trouble first if not all fits', () => {
  expect(events(session, 100).map((e) => e.index)).toEqual([0, 1, 5, 6, 7]);
  expect(events(session, 3).map((e) => e.index)).toEqual([5, 6, 7]);
  expect(events(session, 4).map((e) => e.index)).toEqual([0, 5, 6, 7]);
});

it('writes letters where they fit, trouble first', () => {
  const wide = labels(columns(session, 'order', { from: -0.5, to: 7.5 }, 800, 1), 8);
  expect(wide.map((l) => [l.text, l.side, l.trouble])).toEqual([['R', 0, true], ['✕', 1, true], ['S', 0, false], ['S', 1, false]]);
  expect(labels(columns(session, 'order', { from: -0.5, to: 7.5 }, 16, 1), 8).map((l) => l.text)).toEqual(['R', '✕', 'S', 'S']);
  expect(labels(columns(session, 'order', { from: -0.5, to: 7.5 }, 8, 1), 8).map((l) => l.text)).toEqual(['R', '✕']);
});
