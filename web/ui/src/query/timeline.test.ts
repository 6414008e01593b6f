import { expect, test } from 'vitest';
import type { Table } from '../lib/api';
import { align, buckets, byFor, intervalText, splitFor } from './timeline.svelte';

const table = (rows: [bucket: string, key: string, value: number][], more: Partial<Table> = {}): Table => ({
  by: ['k'], metrics: ['count'], interval: '10', more: false, coverage: { files: 0, files_done: 0, records: 0, dropped_packets: 0, partial: false },
  rows: rows.map(([bucket, key, value]) => ({ bucket, keys: [key], values: [value] })), ...more,
});

test('buckets fill the range, also where nothing is', () => {
  expect(buckets(table([['20', 'a', 1], ['50', 'a', 1]]))).toEqual([20n, 30n, 40n, 50n]);
  expect(buckets(table([['20', 'a', 1]], { from: '5', to: '45' }))).toEqual([0n, 10n, 20n, 30n, 40n]);
  expect(buckets(table([['20', 'a', 1]], { from: '10', to: '40' }))).toEqual([10n, 20n, 30n]);
  expect(buckets(table([['20', 'a', 1]]))).toEqual([20n, 30n]);
  expect(buckets(table([]))).toEqual([]);
});

test('groups are aligned to the buckets of all', () => {
  const all = table([['20', '', 3], ['40', '', 2]]);
  const split = table([['40', 'a', 2], ['20', 'b', 1]]);
  expect(align(all, split, [0], 'a')).toEqual([0, 0, 2]);
  expect(align(all, split, [0], 'b')).toEqual([1, 0, 0]);
});

test('intervals as the API takes them', () => {
  expect([10_000_000_000n, 60_000_000_000n, 250_000_000n, 7_200_000_000_000n, 604_800_000_000_000n].map(intervalText)).toEqual(['10s', '1m', '250ms', '2h', '1w']);
});

test('a split goes with what can be split', () => {
  expect(splitFor('protocol', 'errors')).toBe('protocol');
  expect(splitFor('direction', 'packets')).toBe('direction');
  expect([splitFor('direction', 'count'), splitFor('protocol', 'latency')]).toEqual(['', '']);
  expect([byFor('direction', 'count'), byFor('protocol', 'latency'), byFor('protocol', 'bytes'), byFor('', 'latency')]).toEqual(['bytes', 'count', 'bytes', 'latency']);
});
