import { expect, test } from 'vitest';
import { disk, extend, fill, limit, line, lost, reach, type Lines, type Recorder, type Status } from './status';

const stored = [
  { kind: 'session', records: 10, bytes: 300, files: 1, oldest: '1', newest: '2' },
  { kind: 'transaction', records: 10, bytes: 100, files: 1, oldest: '1', newest: '2' },
];

test('the parts of a disk add up to it', () => {
  const packets = { segments: 1, packets: 5, bytes: 600, oldest: '1', newest: '2' };
  const d = disk({ stored, node_status: { running: false, packets, disk: { free: 1000, total: 5000 } } } as unknown as Status)!;
  expect(d).toEqual({ packets: 600, records: 400, other: 3000, free: 1000, total: 5000 });
  expect(d.packets + d.records + d.other + d.free).toBe(d.total);
  expect(disk({ stored } as unknown as Status)).toBeUndefined();
  expect(disk({ stored, node_status: { running: false, disk: { free: 0, total: 0 } } } as unknown as Status)).toBeUndefined();
});

test('limits, reaches and queues in words', () => {
  expect(reach({ seconds: 273_600, by: 'free space' })).toBe('3 d 4 h at this rate, bound by free space');
  expect(reach({})).toBe('not known yet');
  expect(reach(undefined)).toBe('not known yet');
  expect(limit({ max_age: 7 * 86_400e9, max_bytes: 5e11 })).toBe('7 d or 500 GB');
  expect(limit({ max_age: 0, max_bytes: 0 })).toBe('none of its own');
  expect(fill({ name: 'packets 0', unit: 'buffers', length: 3, bound: 32, dropped: 0 })).toBe('3 of 32 buffers');
  expect(fill({ name: 'records', unit: 'bytes', length: 1_500_000, bound: 32_000_000, dropped: 0 })).toBe('1.5 MB of 32 MB');
});

test('a cause that a server does not know has lost nothing', () => {
  const r = { drops: { kernel: 5, last_panic: 'x' } } as unknown as Recorder;
  expect([lost(r, 'kernel'), lost(r, 'records'), lost(r, 'last_panic')]).toEqual([5, 0, 0]);
});

test('lines keep the newest values of what is measured', () => {
  let lines: Lines = {};
  for (const v of [1, 2, 3, 4]) lines = extend(lines, v < 4 ? { a: v, b: v } : { a: v, constructor: 5 }, 3);
  expect(lines).toEqual({ a: [2, 3, 4], constructor: [5] });
});

test('a line ends at the right edge and fits its box', () => {
  expect(line([0, 5, 10], 5)).toBe('50.00,100.00 75.00,50.00 100.00,0.00');
  expect(line([0, 0], 3)).toBe('50.00,100.00 100.00,100.00');
  expect(line([], 3)).toBe('');
});
