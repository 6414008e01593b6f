import { describe, expect, test } from 'vitest';
import * as f from './format';

describe('times', () => {
  test('keep every nanosecond', () => {
    const ns = f.parseTime('2026-11-21T09:40:25.755558161Z')!;
    expect(ns).toBe(1795254025755558161n);
    expect(f.rfc3339(ns)).toBe('2026-11-21T09:40:25.755558161Z');
    expect(f.parseTime('1795254025755558161')).toBe(ns);
    expect(f.formatTime(ns, 'utc')).toBe('2026-11-21 09:40:25.755558161');
    expect(f.formatClock(ns, 'utc')).toBe('09:40:25.755');
    expect(f.formatClock(ns, 'utc', 0)).toBe('09:40:25');
  });
  test('short fractions, offsets, times before 1970', () => {
    expect(f.parseTime('2026-11-21T10:40:25.5+01:00')).toBe(1795254025500000000n);
    expect(f.rfc3339(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
    expect(f.rfc3339(1795254025000000000n)).toBe('2026-11-21T09:40:25Z');
    for (const x of ['', 'now', '-15m', '2026-11-21', '2026-13-41T00:00:00Z', '12.5']) expect(f.parseTime(x), x).toBeUndefined();
  });
});

test('numbers', () => {
  expect([0, 999, 1000, 18_234, 999_600, 123_456_789, 5e12].map(f.formatBytes)).toEqual(['0 B', '999 B', '1 kB', '18.2 kB', '1 MB', '123 MB', '5 TB']);
  expect([0, 12, 100, 1500, 120_000, 2_000_000].map(f.formatShort)).toEqual(['0', '12', '100', '1.5 k', '120 k', '2 M']);
  expect([7, 1234, 1234567].map(f.formatCount)).toEqual(['7', '1,234', '1,234,567']);
  expect([0, 500, 12_400, 1_000_000, 999_999, 250e6, 1.5e9, 61e9, 3600e9, 7500e9, 90000e9].map(f.formatDuration)).toEqual(
    ['0 ns', '500 ns', '12.4 µs', '1 ms', '1 ms', '250 ms', '1.5 s', '1 min 1 s', '1 h', '2 h 5 min', '1 d 1 h']);
  expect(f.formatShare(2, 10_000)).toBe('0.02 %');
  expect(f.formatShare(1, 1e9)).toBe('<0.01 %');
  expect(f.formatBitRate(1.2e9)).toBe('1.2 Gb/s');
  expect([0.5, 3, 1840].map(f.formatRate)).toEqual(['0.5/s', '3/s', '1.84 k/s']);
});

test('ends', () => {
  expect(f.formatEnd('10.0.0.1', 443)).toBe('10.0.0.1:443');
  expect(f.formatEnd('2001:db8::1', 443)).toBe('[2001:db8::1]:443');
  expect(f.formatEnd('2001:db8::1', 0)).toBe('2001:db8::1');
  expect(f.formatEnd(undefined, 1)).toBe('');
});

test('what strangers send can be seen and moves nothing', () => {
  expect(f.shown('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>');
  expect(f.shown('a\u202egnp.exe')).toBe('a\\u{202e}gnp.exe');
  expect(f.shown('a\0b\r\nc\td\x7f\x9b')).toBe('a\\x00b\\r\\nc\\td\\x7f\\x9b');
  expect(f.shown('\u2066x\u2069\u200b\ufeff\u{e0041}')).toBe('\\u{2066}x\\u{2069}\\u{200b}\\u{feff}\\u{e0041}');
  expect(f.shown('\ud800x')).toBe('\\u{d800}x');
  expect(f.shown('Grüße 🦙 日本')).toBe('Grüße 🦙 日本');
  expect(f.shown('x'.repeat(1_000_000)).length).toBe(2001);
  expect(f.shown(undefined)).toBe('');
  expect(f.shown(0)).toBe('0');
});
