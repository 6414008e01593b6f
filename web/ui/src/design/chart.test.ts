import { expect, test } from 'vitest';
import { ticks } from './chart';

test('an axis has as many round lines as fit', () => {
  expect(ticks(95e6, 3)).toEqual([0, 50e6]);
  expect(ticks(105, 3)).toEqual([0, 50, 100]);
  expect(ticks(4.2, 3)).toEqual([0, 2, 4]);
  expect(ticks(1.06, 3)).toEqual([0, 0.5, 1]);
  expect(ticks(700, 8)).toEqual([0, 100, 200, 300, 400, 500, 600, 700]);
  expect([ticks(0, 3), ticks(NaN, 3)]).toEqual([[0], [0]]);
  for (let max = 0.001; max < 1e13; max *= 1.37) {
    for (let n = 2; n < 12; n++) {
      const t = ticks(max, n);
      expect(t.length - 1).toBeLessThanOrEqual(n);
      expect(t.length).toBeGreaterThan(1);
      expect(t.at(-1)).toBeLessThanOrEqual(max);
    }
  }
});
