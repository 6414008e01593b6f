import { expect, it } from 'vitest';
import { parseTime } from '../../lib/format';
import { digitsFor, seconds, since, ticks } from './time';

it('keeps nanoseconds', () => {
  const t = parseTime('2026-11-21T09:38:48.644572016Z')!;
  expect(since(t, '2026-11-21T09:38:48.644572017Z')).toBe(1);
  expect(since(t, '2026-11-21T09:38:47.644572016Z')).toBe(-1e9);
  expect(since(t, 'yesterday')).toBe(0);
});

it('shows enough digits', () => {
  expect(seconds(1_500, digitsFor(398_587))).toBe('0.000001500');
  expect(seconds(1_500_000, digitsFor(5_000_000_000))).toBe('0.001500');
});

it('puts ticks on round numbers', () => {
  expect(ticks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(ticks(-3, 1004, 4)).toEqual([0, 500, 1000]);
  expect(ticks(5, 5, 4)).toEqual([]);
  expect(ticks(0, 1e18, 8).length).toBeLessThanOrEqual(9);
});
