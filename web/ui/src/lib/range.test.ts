import { expect, test } from 'vitest';
import { absolute, bound, label, moves, parseSpan, shifted, spanText, zoomed } from './range';

const now = 1795254000000000000n; // 2026-11-21T09:40:00Z

test('spans', () => {
  expect(parseSpan('15m')).toBe(900_000_000_000n);
  expect(parseSpan('1h30m')).toBe(5_400_000_000_000n);
  for (const x of ['', 'm', '15', '15y', '-15m']) expect(parseSpan(x), x).toBeUndefined();
  expect(spanText(5_400_000_000_000n)).toBe('1h30m');
});

test('bounds', () => {
  expect(bound('-15m', now)).toBe(now - 900_000_000_000n);
  expect(bound('now-1h', now)).toBe(now - 3_600_000_000_000n);
  expect(bound('now', now)).toBe(now);
  expect(bound('', now)).toBeUndefined();
  expect(bound('-7d@d', now)).toBeUndefined(); // the server's business
  expect(absolute({ from: '-15m', to: '' }, now)).toEqual({ from: '2026-11-21T09:25:00Z', to: '2026-11-21T09:40:00Z' });
  expect(absolute({ from: '', to: '' }, now)).toEqual({ from: '', to: '' });
  expect(absolute({ from: '-7d@d', to: '' }, now)).toEqual({ from: '-7d@d', to: '' });
  expect([moves({ from: '-15m', to: '' }), moves({ from: '-15m', to: '-5m' }), moves({ from: '', to: '' })]).toEqual([true, false, true]);
});

test('shift and zoom keep the nanoseconds', () => {
  const r = { from: '2026-11-21T09:00:00.000000001Z', to: '2026-11-21T09:00:10.000000001Z' };
  expect(shifted(r, 0.5, now)).toEqual({ from: '2026-11-21T09:00:05.000000001Z', to: '2026-11-21T09:00:15.000000001Z' });
  expect(shifted(r, -1, now)).toEqual({ from: '2026-11-21T08:59:50.000000001Z', to: '2026-11-21T09:00:00.000000001Z' });
  expect(zoomed(r, 2, now)).toEqual({ from: '2026-11-21T08:59:55.000000001Z', to: '2026-11-21T09:00:15.000000001Z' });
  expect(shifted({ from: '', to: '' }, 1, now)).toBeUndefined();
});

test('labels', () => {
  expect(label({ from: '-15m', to: '' }, 'utc')).toBe('Last 15 minutes');
  expect(label({ from: '', to: '' }, 'utc')).toBe('All time');
  expect(label({ from: '2026-11-21T09:00:00Z', to: '2026-11-21T10:00:00Z' }, 'utc')).toBe('2026-11-21 09:00:00 – 10:00:00');
  expect(label({ from: '2026-11-20T09:00:00Z', to: '2026-11-21T10:00:00Z' }, 'utc')).toBe('2026-11-20 09:00:00 – 2026-11-21 10:00:00');
  expect(label({ from: '2026-11-21T09:00:00.1Z', to: '2026-11-21T09:00:01.25Z' }, 'utc')).toBe('2026-11-21 09:00:00.100 – 09:00:01.250');
  expect(label({ from: '-3h', to: '' }, 'utc')).toBe('-3h – now');
});
