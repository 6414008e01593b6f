import { expect, test } from 'vitest';
import type { Rec } from '../../lib/api';
import { cellOf } from './cells';

const r = {
  event: { id: 'n-1', kind: 'session', start: '2026-11-21T09:00:00.123456789Z', end: '2026-11-21T09:00:01Z', duration: 1_200_000 },
  source: { ip: '10.0.0.1', port: 51512, bytes: 10 },
  destination: { mac: ['02:00:00:00:00:01'] },
  network: { protocol: ['tcp', 'http'], transport: 'tcp', bytes: 18_200 },
  url: { domain: ['a.test', 'b\u202e.test'] },
  tags: Array.from({ length: 14 }, (_, i) => `t${i}`),
} as unknown as Rec;

const cell = (column: string, wide = false, record = r) => cellOf(record, column, { zone: 'utc', wide }, () => '/session/n-1');
const text = (...args: Parameters<typeof cell>) => cell(...args).map((p) => (p.apart ? ' ' : '') + p.text).join('');

test('a cell is the text of its column, each value with its field', () => {
  expect(cell('start')).toEqual([{ text: '09:00:00.123', field: 'event.start', value: r.event.start, title: '2026-11-21 09:00:00.123456789', href: '/session/n-1' }]);
  expect(text('start', true)).toBe('2026-11-21 09:00:00.123');
  expect(text('source')).toBe('10.0.0.1:51512');
  expect(cell('source').map((p) => [p.field, p.value])).toEqual([['source.ip', '10.0.0.1'], ['source.port', '51512']]);
  expect(cell('destination')).toMatchObject([{ text: '02:00:00:00:00:01', field: 'destination.mac' }]);
  expect(cell('protocol')).toEqual([{ text: 'http', field: 'network.protocol', value: 'http', look: 'chip' }]);
  expect(cell('bytes')).toMatchObject([{ text: '18.2 kB', field: 'network.bytes', value: '18200' }]);
  expect(cell('client')).toEqual([]);
});

test('a field without a column of its own shows its values, few of many, and nothing unseen', () => {
  expect(text('url.domain')).toBe('a.test, b\\u{202e}.test');
  expect(cell('url.domain')[1]).toMatchObject({ value: 'b\u202e.test' });
  expect(cell('tags')).toHaveLength(13);
  expect(text('tags')).toMatch(/, t11 \+2$/);
});

test('what a call returned is its error, or a number', () => {
  const call = (evt: object) => text('result', false, { ...r, evt } as unknown as Rec);
  expect(call({ res: 'EACCES', rawres: -13, failed: true })).toBe('EACCES');
  expect(call({ res: '1234', rawres: 1234 })).toBe('1,234');
  expect(call({ res: 'x', rawres: 0x7f0000000000 })).toBe('0x7f0000000000');
});
