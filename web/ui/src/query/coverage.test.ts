import { expect, test } from 'vitest';
import type { Coverage } from '../lib/api';
import { partsOf } from './coverage';

const of = (more: Partial<Coverage>, begin?: bigint) => partsOf({ files: 3, files_done: 3, records: 9, dropped_packets: 0, partial: false, ...more }, begin, 'utc').map((p) => p.text);
const noon = 1_795_262_400n * 1_000_000_000n; // 2026-11-21T12:00:00Z

test('only what lacks nothing is called complete', () => {
  expect(of({})).toEqual(['complete, drops 0']);
  expect(of({ dropped_packets: 1200, not_stored_packets: 3 })).toEqual(['1,200 packets dropped by the capture', '3 packets not stored']);
  expect(of({ gap_time: 3e9, gaps: [{ from: '2026-11-21T12:00:00Z', to: '2026-11-21T12:00:03Z' }], partial: true })).toEqual(['partial: files could not be read', 'no capture for 3 s']);
});

test('where what is kept begins shows if the range begins before it', () => {
  expect(of({ oldest: '2026-11-21T12:00:00Z' }, noon - 60_000_000_000n)).toEqual(['kept since 2026-11-21 12:00:00']);
  expect(of({ oldest: '2026-11-21T12:00:00Z' }, noon - 5_000_000_000n)).toEqual(['complete, drops 0']);
  expect(of({ oldest: '2026-11-21T12:00:00Z' })).toEqual(['complete, drops 0']);
});

test('what is sampled says by which rate, and is not complete', () => {
  expect(of({ sampled: { least: 400, most: 400 } })).toEqual(['sampled 1:400']);
  expect(of({ sampled: { least: 100, most: 1000 } })).toEqual(['sampled 1:100 to 1:1,000']);
  expect(of({ sampled: { least: 1, most: 50 } })).toEqual(['sampled all to 1:50']);
});
