import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { callsIn, connectionIn, forNarrow, metricsOf, questionOf, secondsOf, sorted, sortOf, views, type Row } from './tables';

const [processes, files, connections] = views as [(typeof views)[0], (typeof views)[0], (typeof views)[0]];
const scope = { q: '', from: '', to: '', bounding: 'last' };
const row = (...keys: string[]): Row => ({ keys, values: [] });

test('every field of the tables is in the registry', () => {
  const known = new Set([...readFileSync(new URL('../../../../../docs/fields.md', import.meta.url), 'utf8').matchAll(/^\| `([^`]+)`/gm)].map((m) => m[1]));
  for (const v of views) {
    for (const f of [...v.by, ...v.columns.flatMap((c) => /\((.+)\)/.exec(c.metric ?? '')?.[1] ?? [])]) expect(known.has(f), f).toBe(true);
  }
});

test('the server keeps the rows that lead by the column that is sorted by', () => {
  expect(metricsOf(processes, 'calls')[0]).toBe('sum(evt.count_exit)');
  expect(metricsOf(processes, 'sent')[0]).toBe('sum(evt.buflen_net_out)');
  expect(metricsOf(processes, 'name')[0]).toBe('sum(evt.count_exit)');
  expect(new Set(metricsOf(processes, 'rate')).size).toBe(metricsOf(processes, 'rate').length);
  expect(questionOf(processes, { ...scope, q: 'proc.name == a || proc.name == b | top 3 proc.name' }, { id: 'errors', desc: false })).toMatchObject({
    q: '(proc.name == a || proc.name == b) && proc.pid > 0', by: 'proc.pid,proc.name,container.name', lowest: 'true', kind: 'sysevent',
  });
  expect(questionOf(processes, scope, { id: 'pid', desc: false })).not.toHaveProperty('lowest');
});

test('an order of the URL is a column of the table, or that of calls', () => {
  expect(sortOf(files, 'read:asc')).toEqual({ id: 'read', desc: false });
  expect(sortOf(files, 'container:asc')).toEqual({ id: 'calls', desc: true });
  expect(sortOf(connections, '')).toEqual({ id: 'calls', desc: true });
});

test('keys are ordered as numbers where they are', () => {
  const rows = [row('812', 'nginx', ''), row('9', 'x', ''), row('9', 'a', '')];
  expect(sorted(processes, rows, { id: 'pid', desc: false }).map((r) => r.keys[0])).toEqual(['9', '9', '812']);
  expect(sorted(processes, rows, { id: 'name', desc: true }).map((r) => r.keys[1])).toEqual(['x', 'nginx', 'a']);
  expect(sorted(processes, rows, { id: 'calls', desc: true })).toBe(rows);
  const ends = [row('10.0.0.9', '80', '', '', ''), row('10.0.0.10', '9', '', '', ''), row('10.0.0.9', '9', '', '', '')];
  expect(sorted(connections, ends, { id: 'client', desc: false }).map((r) => r.keys.slice(0, 2).join(':'))).toEqual(['10.0.0.9:9', '10.0.0.9:80', '10.0.0.10:9']);
});

test('rates are over the time in which calls are stored', () => {
  const stored = { oldest: '10000000000', newest: '20000000000' };
  expect(secondsOf({}, stored)).toBe(10);
  expect(secondsOf({ from: 0n, to: 15_000_000_000n }, stored)).toBe(5);
  expect(secondsOf({ from: 30_000_000_000n }, stored)).toBe(1);
  expect(secondsOf({}, undefined)).toBe(1);
});

test('the calls of a row', () => {
  expect(callsIn(processes, row('812', 'nginx', 'web-1'), 'evt.failed == true')).toBe('evt.failed == true && proc.pid == 812 && proc.name == nginx');
  expect(callsIn(processes, row('812', '', ''), '')).toBe('proc.pid == 812 && proc.name != EXISTS!');
  expect(callsIn(files, row('/a b"*'), '')).toBe('fd.name == "/a b\\"\\*"');
  const c = row('10.0.0.1', '5', '10.0.0.2', '80', 'tcp');
  expect(connectionIn(c)).toEqual({ ips: ['10.0.0.1', '10.0.0.2'], ports: [5, 80], transport: 'tcp' });
  expect(callsIn(connections, c, 'proc.pid == 1')).toContain('proc.pid == 1 && fd.cip == [10.0.0.1, 10.0.0.2] &&');
});

test('a narrow window shows first what counts', () => {
  expect(forNarrow(processes.columns).slice(0, 4).map((c) => c.id)).toEqual(['name', 'calls', 'errors', 'pid']);
  expect(forNarrow(connections.columns).slice(0, 4).map((c) => c.id)).toEqual(['client', 'server', 'calls', 'errors']);
});
