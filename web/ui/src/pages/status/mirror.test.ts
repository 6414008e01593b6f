import { expect, test } from 'vitest';
import { fit } from '../../design/chart';
import { copies, device, layout, leftOut, measure, named, options, reasons, road, spread, stack, unsent, type Box, type Mirror, type Output } from './mirror';

const output = (name: string, packets = 0, more: Partial<Output> = {}): Output => ({
  name, present: true, state: 'up', packets, bytes: packets * 100, truncated: 0, errors: 0, away: 0, too_big: 0, capped: 0, dropped: 0, device_dropped: 0, device_errors: 0, ...more,
});

/** The example of docs/mirror.md after so many packets, at a second. */
function example(packets: number, second: number, started = '2026-11-21T09:00:00Z'): Mirror {
  const rule = (from: string[], ...outputs: Output[]) => ({ from, packets, bytes: packets * 100, filtered: 0, unsampled: 0, outputs });
  const source = (name: string, n: number) => ({ name, present: true, state: 'up' as const, how: 'tcx', packets: n, bytes: n * 100, broken: 0 });
  return {
    pid: 1, started, time: `2026-11-21T10:00:${String(second).padStart(2, '0')}.5Z`, persist: false, pass: false, mode: 'auto',
    sources: [source('eth1', packets), source('eth4', 0)],
    rules: [rule(['eth1'], output('eth2', packets)), rule(['eth1'], output('eth3', packets / 2)), rule(['eth1', 'eth4'], output('eth5', packets))],
  };
}

test('rates are what came in between', () => {
  const first = measure(undefined, example(1000, 1));
  expect(first.rates.size).toBe(0);
  const { rates } = measure(first, example(1400, 3));
  expect(rates.get('source eth1')).toEqual({ packets: 200, bytes: 20_000 });
  expect(rates.get('source eth4')).toEqual({ packets: 0, bytes: 0 });
  expect(copies(example(0, 0)).map((c) => rates.get(c.key)?.packets)).toEqual([200, 100, 200]);
});

test('no rate is made up', () => {
  const first = measure(undefined, example(1000, 1));
  const second = measure(first, example(1400, 3));
  expect(measure(second, { ...example(1500, 3), time: '2026-11-21T10:00:03.6Z' })).toBe(second); // too soon after
  expect(measure(second, example(1400, 1)).rates.size).toBe(0); // the clock was set back
  expect(measure(second, example(10, 5, '2026-11-21T10:00:04Z')).rates.size).toBe(0); // another mirror
  const later = example(1500, 5);
  later.rules[0]!.outputs[0]!.packets = 3; // counts anew
  later.rules[1]!.outputs[0]!.name = 'eth9'; // was not there
  const { rates } = measure(second, later);
  expect(copies(later).map((c) => rates.get(c.key)?.packets)).toEqual([undefined, undefined, 50]);
});

test('copies of one name are told apart', () => {
  const m = example(0, 0);
  m.rules = [{ ...m.rules[0]!, outputs: [output('vxlan:192.0.2.9:7'), output('vxlan:192.0.2.9:7')] }];
  expect(new Set(copies(m).map((c) => c.key)).size).toBe(2);
});

test('options, outputs and losses in words', () => {
  expect(options('balance, filter "tcp port 443", sample 1:10, tag 100 802.1ad')).toEqual(['balance', 'filter "tcp port 443"', 'sample 1:10', 'tag 100 802.1ad']);
  expect(options('filter "a, \\"b, c\\"", truncate 128')).toEqual(['filter "a, \\"b, c\\""', 'truncate 128']);
  expect(options(undefined)).toEqual([]);
  expect(named('vxlan:2001:db8::9:7')).toEqual({ name: '2001:db8::9', kind: 'VXLAN 7' });
  expect(named('gre:192.0.2.9')).toEqual({ name: '192.0.2.9', kind: 'GRE' });
  expect(named('eth1')).toEqual({ name: 'eth1', kind: '' });
  const o = output('eth2', 5, { errors: 1, away: 2, too_big: 3000, capped: 4, dropped: 5, device_dropped: 6 });
  expect(unsent(o)).toBe(3012);
  expect(reasons(o)).toBe('1 errors, 2 while away, 3,000 too big, 4 above the rate, 5 dropped by the driver');
  expect(device(o)).toBe('6 dropped by the interface');
  expect(road(o)).toBe('');
  expect(road(output('vxlan:192.0.2.9:7', 0, { port: 4789, rate: 1e8 }))).toBe('VXLAN 7, port 4789, at most 100 Mb/s');
  expect(leftOut({ ...example(0, 0).rules[0]!, filtered: 7 })).toBe('7 filtered');
  expect([fit('eth0', 100), fit('a filter that is long', 60)]).toEqual(['eth0', 'a filter…']);
});

const apart = (list: Box[]) => list.toSorted((a, b) => a.y - b.y).every((b, i, all) => i === 0 || b.y >= all[i - 1]!.y + all[i - 1]!.height + 12);

test('boxes do not touch and stay inside', () => {
  expect(stack([40, 40], 200)).toEqual([27, 133]);
  expect(spread([[100, 40], [100, 40], [10, 40]], 200)).toEqual([80, 132, 0]);
  expect(spread([[190, 40], [190, 40]], 200)).toEqual([108, 160]);

  const many = example(0, 0);
  many.sources = Array.from({ length: 64 }, (_, i) => ({ ...many.sources[0]!, name: `in${i}` }));
  many.rules = [{ ...many.rules[0]!, from: many.sources.map((s) => s.name), options: 'balance, sample 1:10', outputs: Array.from({ length: 64 }, (_, i) => output(`out${i}`)) }, { ...many.rules[0]!, from: ['in7'], outputs: [output('out3')] }];
  for (const m of [example(0, 0), many]) {
    for (const width of [280, 800, 1100]) {
      const d = layout(measure(undefined, m), width);
      for (const list of [d.sources, d.rules, d.outputs]) {
        expect(apart(list)).toBe(true);
        for (const b of list) expect(b.x >= 0 && b.x + b.width <= width && b.y >= 0 && b.y + b.height <= d.height).toBe(true);
      }
      expect(d.sources[0]!.width).toBeLessThan(d.rules[0]!.x);
      expect(d.rules[0]!.x + d.rules[0]!.width).toBeLessThan(d.outputs[0]!.x);
    }
  }
});

test('a line for each copy, as thick as its rate', () => {
  const d = layout(measure(measure(undefined, example(0, 0)), example(400, 4)), 1000);
  expect(d.taken.map((l) => [l.key, l.idle])).toEqual([['source eth1 0', false], ['source eth1 1', false], ['source eth1 2', false], ['source eth4 2', true]]);
  expect(d.given.map((l) => l.copy.output.name)).toEqual(['eth2', 'eth3', 'eth5']);
  const [two, three, five] = d.given.map((l) => l.width);
  expect(two).toBe(9);
  expect(three).toBeCloseTo(1 + 8 * Math.SQRT1_2);
  expect(five).toBe(9);
  expect(d.given[0]!.d).toMatch(/^M595,[\d.]+C.* 700,[\d.]+H850$/);
  expect(layout(measure(undefined, example(0, 0)), 1000).given.every((l) => l.idle && l.width === 1)).toBe(true);
});

test('an output of several rules is one box, at which its lines end apart', () => {
  const m = example(0, 0);
  m.rules[0]!.outputs[0]!.name = 'eth5';
  const d = layout(measure(undefined, m), 1000);
  expect(d.outputs.map((b) => b.name)).toEqual(['eth5', 'eth3']);
  const ends = d.given.filter((l) => l.copy.output.name === 'eth5').map((l) => l.y);
  expect(ends[1]! - ends[0]!).toBe(30);
});
