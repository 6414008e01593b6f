import { expect, test } from 'vitest';
import { areaHeight, poolSize, rowHeight, scrollFor, tallest, windowAt } from './virtual';

test('a short list is drawn as it is scrolled', () => {
  expect(windowAt(1000, 0, 260, 0)).toEqual({ first: 0, last: 10, shift: 0 });
  expect(windowAt(1000, 30, 260, 0)).toEqual({ first: 1, last: 12, shift: 26 });
  expect(windowAt(1000, 1000 * rowHeight - 260, 260, 0)).toEqual({ first: 990, last: 1000, shift: 990 * rowHeight });
  expect(windowAt(3, 0, 260)).toEqual({ first: 0, last: 3, shift: 0 });
  expect(windowAt(0, 0, 260)).toEqual({ first: 0, last: 0, shift: 0 });
});

test('ten million rows: both ends are reached, nothing between is skipped', () => {
  const n = 10_000_000;
  const h = 800;
  expect(areaHeight(n)).toBe(tallest);
  expect(windowAt(n, 0, h, 0).first).toBe(0);
  const end = windowAt(n, tallest - h, h, 0);
  expect(end.last).toBe(n);
  expect(end.shift + (end.last - end.first) * rowHeight).toBeGreaterThanOrEqual(tallest - rowHeight);
  for (const i of [0, 1, 12_345, 5_000_000, n - 1]) {
    const top = scrollFor(i, n, i === 0 ? 1000 : 0, h) ?? 0;
    const w = windowAt(n, top, h, 1);
    expect(w.first <= i && i < w.last, `row ${i} in ${w.first}..${w.last}`).toBe(true);
    expect(Number.isInteger(w.shift), 'rows lie on whole pixels').toBe(true);
    const y = w.shift + (i - w.first) * rowHeight - top;
    expect(y).toBeGreaterThan(-2);
    expect(y).toBeLessThan(h - rowHeight + 2);
  }
});

test('scrollFor leaves what is in sight', () => {
  expect(scrollFor(5, 1000, 0, 260)).toBeUndefined();
  expect(scrollFor(10, 1000, 0, 260)).toBe(26);
  expect(scrollFor(3, 1000, 260, 260)).toBe(78);
});

test('no window is larger than its pool', () => {
  for (const h of [0, 1, 25, 26, 27, 260, 801]) {
    for (let top = 0; top < 600; top += 7) {
      const w = windowAt(1000, top, h);
      expect(w.last - w.first).toBeLessThanOrEqual(poolSize(h));
    }
  }
});
