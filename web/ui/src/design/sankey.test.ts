import { expect, test } from 'vitest';
import { layout, type Path } from './sankey';

const room = { width: 800, height: 300, side: 100, most: 4 };
const paths: Path[] = [
  { names: ['a', 'x', 'c'], value: 60 },
  { names: ['a', 'y', 'd'], value: 20 },
  { names: ['b', 'x', 'd'], value: 20 },
];

/** The numbers in a path. */
const numbers = (d: string) => d.match(/-?[\d.]+/g)!.map(Number);

test('columns are as high as what passes them, and lie within their room', () => {
  const s = layout(paths, room);
  expect(s.columns.map((c) => c.map((n) => [n.name, n.value]))).toEqual([
    [['a', 80], ['b', 20]],
    [['y', 20], ['x', 80]], // y's comes from a alone
    [['d', 40], ['c', 60]],
  ]);
  expect(s.columns.map((c) => c[0]!.x)).toEqual([100, 394, 688]);
  for (const c of s.columns) {
    expect(c[0]!.y).toBeGreaterThanOrEqual(0);
    expect(c.at(-1)!.y + c.at(-1)!.height).toBeLessThanOrEqual(300.001);
    for (const [i, n] of c.entries()) if (i > 0) expect(n.y).toBeGreaterThanOrEqual(c[i - 1]!.y + c[i - 1]!.height + 12.99);
  }
  const [a, b] = s.columns[0]!;
  expect(a!.height / b!.height).toBeCloseTo(4);
});

test('a ribbon leaves its nodes nowhere, and no two share a place of a node', () => {
  const s = layout(paths, room);
  expect(s.ribbons.map((r) => [r.nodes.map((n) => n.name).join(), r.value])).toEqual([['a,x,c', 60], ['a,y,d', 20], ['b,x,d', 20]]);
  const scale = s.columns[0]![0]!.height / 80;
  for (const r of s.ribbons) {
    const at = numbers(r.d);
    const ys = at.filter((_, i) => i < 2)[1]!;
    const n = r.nodes[0]!;
    expect(ys).toBeGreaterThanOrEqual(n.y - 0.01);
    expect(ys + r.value * scale).toBeLessThanOrEqual(n.y + n.height + 0.01);
    expect(Math.max(...at)).toBeLessThanOrEqual(800);
    expect(r.d).toMatch(/^M.*Z$/);
  }
  const begins = s.ribbons.filter((r) => r.nodes[0]!.name === 'a').map((r) => numbers(r.d)[1]!);
  expect(begins[0]! - begins[1]!).toBeCloseTo(20 * scale, 1);
});

test('nodes follow where their traffic comes from, so that ribbons do not cross without need', () => {
  const s = layout([{ names: ['a', 'z'], value: 50 }, { names: ['b', 'y'], value: 49 }, { names: ['c', 'x'], value: 48 }], room);
  expect(s.columns[1]!.map((n) => n.name)).toEqual(['z', 'y', 'x']);
});

test('what is small is one node at the foot, and loses nothing', () => {
  const many = Array.from({ length: 30 }, (_, i): Path => ({ names: [`s${i}`, 'all'], value: 30 - i }));
  const s = layout(many, room);
  const [left, right] = s.columns as [(typeof s.columns)[0], (typeof s.columns)[0]];
  expect(left.map((n) => n.names.length)).toEqual([1, 1, 1, 27]);
  expect(left.at(-1)!.name).toBe('');
  expect(left.reduce((sum, n) => sum + n.value, 0)).toBe(465);
  expect(right).toHaveLength(1);
  const tiny = layout([{ names: ['a', 'b'], value: 1e12 }, ...many.map((p) => ({ ...p, value: 1e-3 }))], { ...room, most: 12 });
  for (const c of tiny.columns) expect(c.at(-1)!.y + c.at(-1)!.height).toBeLessThanOrEqual(300.001);
  expect(s.ribbons).toHaveLength(4);
  expect(s.ribbons.reduce((sum, r) => sum + r.value, 0)).toBe(465);
});

test('a hostile name is a name, and nothing to draw draws nothing', () => {
  const s = layout([{ names: ['__proto__', 'constructor'], value: 1 }, { names: ['["x"]', 'constructor'], value: 1 }], room);
  expect(s.columns[0]!.map((n) => n.name).sort()).toEqual(['["x"]', '__proto__']);
  expect(layout([], room).ribbons).toEqual([]);
  expect(layout([{ names: ['a', 'b'], value: 0 }, { names: ['a'], value: 1 }], room).ribbons).toEqual([]);
  expect(layout([{ names: ['a', 'b'], value: Number.NaN }], room).ribbons).toEqual([]);
});

test('a thousand paths between hundreds of names are laid out at once', () => {
  const many = Array.from({ length: 20_000 }, (_, i): Path => ({ names: [`s${i % 300}`, `e${i % 7}`, `d${i % 501}`], value: 1 + (i % 13) }));
  const begin = performance.now();
  const s = layout(many, { ...room, most: 12 });
  expect(performance.now() - begin).toBeLessThan(500);
  expect(s.ribbons.length).toBeLessThanOrEqual(12 * 7 * 12);
  expect(layout(many, { ...room, most: 12 })).toEqual(s);
});
