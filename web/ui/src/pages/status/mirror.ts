// The mirror as `GET /api/status` tells of it (docs/mirror.md), its rates, and where its diagram has what. Nothing here draws.

import { formatBitRate, formatCount, parseTime } from '../../lib/format';

/** Of an interface, or of the road to a remote host. */
export type State = 'up' | 'down' | 'vanished' | 'unreachable';

export interface Output {
  name: string;
  port?: number; // of VXLAN
  rate?: number; // cap, bit/s
  present: boolean;
  state: State;
  packets: number; // handed to the interface
  bytes: number;
  truncated: number; // of packets
  errors: number;
  away: number;
  too_big: number;
  capped: number;
  dropped: number; // by the driver, of what XDP sent
  device_dropped: number;
  device_errors: number;
}

export interface Rule {
  from: string[];
  options?: string; // in words, joined by commas
  packets: number; // that the rule applied to
  bytes: number;
  filtered: number;
  unsampled: number;
  outputs: Output[];
}

export interface Source {
  name: string;
  present: boolean;
  state: State;
  how?: string;
  probed?: string; // what the ways of copying cost, if they were timed
  packets: number;
  bytes: number;
  broken: number; // of packets: broadcasts that ended before all outputs had their copy
}

export interface Mirror {
  pid?: number; // none: it persists without a process
  started: string;
  time: string; // of the counters
  persist: boolean;
  pass: boolean;
  mode: string;
  sources: Source[];
  rules: Rule[];
  uncounted?: string; // why losses of broadcasts by XDP are not counted
}

/** What one output gets by one rule. */
export interface Copy {
  key: string; // the same as long as the rule stays
  rule: number; // index
  output: Output;
}

/** The copies of all rules, in their order. */
export function copies(m: Mirror): Copy[] {
  const seen = new Map<string, number>();
  return m.rules.flatMap((r, rule) =>
    r.outputs.map((output) => {
      const key = `${r.from.join('/')}@${output.name} ${r.options ?? ''}`;
      const nth = (seen.get(key) ?? 0) + 1; // tunnels to two ports of a host have one name
      seen.set(key, nth);
      return { key: `${key} ${nth}`, rule, output };
    }),
  );
}

/** How many copies an output was not given. */
export const unsent = (o: Output) => o.errors + o.away + o.too_big + o.capped + o.dropped;

/** Why copies were not sent, in words; "" if all were. */
export function reasons(o: Output): string {
  return words([[o.errors, 'errors'], [o.away, 'while away'], [o.too_big, 'too big'], [o.capped, 'above the rate'], [o.dropped, 'dropped by the driver']]);
}

/** What an output's interface says of itself, whoever sent; "" if nothing went wrong. */
export function device(o: Output): string {
  return words([[o.device_dropped, 'dropped by the interface'], [o.device_errors, 'errors of the interface']]);
}

/** What a rule left out, in words. */
export function leftOut(r: Rule): string {
  return words([[r.filtered, 'filtered'], [r.unsampled, 'left out by sampling']]);
}

const words = (list: [number, string][]) =>
  list
    .filter(([n]) => n > 0)
    .map(([n, what]) => `${formatCount(n)} ${what}`)
    .join(', ');

/** The options of a rule one by one. Commas within a filter, which is in quotes, part nothing. */
export function options(text: string | undefined): string[] {
  return (text ?? '').match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g)?.map((s) => s.trim()).filter(Boolean) ?? [];
}

/** An output's name, and what kind it is where that is not an interface of the user's. */
export function named(output: string): { name: string; kind: string } {
  const vxlan = /^vxlan:(.+):(\d+)$/.exec(output);
  if (vxlan) return { name: vxlan[1]!, kind: `VXLAN ${vxlan[2]}` };
  if (output.startsWith('gre:')) return { name: output.slice(4), kind: 'GRE' };
  return { name: output, kind: output === 'tapir' ? 'for tapir record' : '' };
}

/** What kind an output is, at which port, and how much it may get; "" for an interface of the user's. */
export function road(o: Output): string {
  return [named(o.name).kind, o.port ? `port ${o.port}` : '', o.rate ? `at most ${formatBitRate(o.rate)}` : ''].filter(Boolean).join(', ');
}

/** In a second. */
export interface Rate {
  packets: number;
  bytes: number;
}

/** Counters and the rates up to them: of sources by name behind "source ", of copies by key. */
export interface Measured {
  at: Mirror;
  rates: Map<string, Rate>;
}

/**
 * Measures rates from one status to the next. A mirror that began anew, and what was not there before or counts from its
 * beginning again, has none yet; statuses of nearly the same time change nothing, because their rates would be noise.
 */
export function measure(last: Measured | undefined, now: Mirror): Measured {
  const fresh = { at: now, rates: new Map<string, Rate>() };
  if (!last || last.at.started !== now.started) return fresh;
  const seconds = Number((parseTime(now.time) ?? 0n) - (parseTime(last.at.time) ?? 0n)) / 1e9;
  if (seconds < 0) return fresh;
  if (seconds < 0.3) return last;
  const before = counters(last.at);
  for (const [key, c] of counters(now)) {
    const b = before.get(key);
    if (!b || c.packets < b.packets || c.bytes < b.bytes) continue;
    fresh.rates.set(key, { packets: (c.packets - b.packets) / seconds, bytes: (c.bytes - b.bytes) / seconds });
  }
  return fresh;
}

function counters(m: Mirror): Map<string, Rate> {
  const all = new Map<string, Rate>();
  for (const s of m.sources) all.set('source ' + s.name, s);
  for (const c of copies(m)) all.set(c.key, c.output);
  return all;
}

/** A box of the diagram; y is its upper edge. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A line of the diagram from a box to one right of it. */
export interface Line {
  key: string;
  d: string; // of an SVG path
  width: number; // by its rate
  idle: boolean; // nothing comes this way, or it is not known yet
}

export interface Diagram {
  width: number;
  height: number;
  sources: (Box & { source: Source })[];
  rules: (Box & { rule: Rule; lines: string[] })[];
  outputs: (Box & { name: string; outputs: Output[] })[];
  /** From sources to rules. */
  taken: Line[];
  /** From rules to outputs, with the place of the figure over its end. */
  given: (Line & { copy: Copy; x: number; y: number })[];
  /** Whether there is room for figures over the lines. */
  figures: boolean;
}

const boxHeight = 40; // two lines of text
const lineHeight = 16; // of the text in a rule's box
const figurePitch = 30; // between lines that end at one output, each with its figure
const pitch = 10; // between lines elsewhere
const gap = 12; // between boxes
const thickest = 9;

/**
 * Lays a mirror out in a width: sources at the left, rules in the middle, outputs at the right, each beside what it is
 * joined with. A line is as thick as the square root of its bit rate, so that one tenth of the traffic can still be seen.
 */
export function layout({ at: m, rates }: Measured, width: number): Diagram {
  const narrow = width < 760;
  const [side, middle] = narrow ? [Math.floor(width * 0.27), Math.floor(width * 0.28)] : [150, 190];
  const all = copies(m);
  const names = [...new Set(all.map((c) => c.output.name))];

  const texts = m.rules.map((r) => options(r.options));
  const ruleHeight = m.rules.map((r, i) => Math.max(boxHeight, 8 + lineHeight * (1 + Math.max(1, texts[i]!.length)), pitch * (1 + Math.max(r.outputs.length, r.from.length))));
  const outputHeight = names.map((n) => Math.max(boxHeight, figurePitch * all.filter((c) => c.output.name === n).length));
  const sourceHeight = m.sources.map((s) => Math.max(boxHeight, pitch * (1 + m.rules.filter((r) => r.from.includes(s.name)).length)));
  const height = Math.max(sum(ruleHeight), sum(outputHeight), sum(sourceHeight), 0);

  const ruleY = stack(ruleHeight, height);
  const center = (i: number) => ruleY[i]! + ruleHeight[i]! / 2;
  const mean = (list: number[]) => list.reduce((all, i) => all + center(i), 0) / Math.max(1, list.length);
  const sourceY = spread(m.sources.map((s, i) => [mean(m.rules.flatMap((r, n) => (r.from.includes(s.name) ? [n] : []))), sourceHeight[i]!]), height);
  const outputY = spread(names.map((n, i) => [mean(all.filter((c) => c.output.name === n).map((c) => c.rule)), outputHeight[i]!]), height);

  const ruleX = Math.round((width - middle) / 2);
  const sources = m.sources.map((source, i) => ({ source, x: 0, y: sourceY[i]!, width: side, height: sourceHeight[i]! }));
  const rules = m.rules.map((rule, i) => ({ rule, lines: texts[i]!, x: ruleX, y: ruleY[i]!, width: middle, height: ruleHeight[i]! }));
  const outputs = names.map((name, i) => ({
    name, outputs: all.filter((c) => c.output.name === name).map((c) => c.output),
    x: width - side, y: outputY[i]!, width: side, height: outputHeight[i]!,
  }));

  const takes = m.rules.flatMap((r, rule) => r.from.flatMap((name) => sources.filter((s) => s.source.name === name).map((box) => ({ key: `source ${name}`, rule, box }))));
  const gives = all.map((copy) => ({ copy, rule: copy.rule, box: outputs[names.indexOf(copy.output.name)]! }));
  const top = Math.max(...[...rates.values()].map((r) => r.bytes), 0);
  const look = (key: string) => {
    const bytes = rates.get(key)?.bytes ?? 0;
    return { width: bytes > 0 ? 1 + (thickest - 1) * Math.sqrt(bytes / top) : 1, idle: bytes === 0 };
  };
  const taken = takes.map((t) => {
    const to = rules[t.rule]!;
    const y1 = port(t.box, takes.filter((o) => o.box === t.box).toSorted((a, b) => a.rule - b.rule).indexOf(t), takes.filter((o) => o.box === t.box).length, pitch);
    const into = takes.filter((o) => o.rule === t.rule).toSorted((a, b) => a.box.y - b.box.y);
    return { ...look(t.key), key: `${t.key} ${t.rule}`, d: curve(t.box.x + t.box.width, y1, to.x, port(to, into.indexOf(t), into.length, pitch), 0) };
  });
  const straight = narrow ? 0 : Math.min(150, 0.6 * (width - side - ruleX - middle)); // of a line's end, under its figure
  const given = gives.map((g) => {
    const from = rules[g.rule]!;
    const out = gives.filter((o) => o.rule === g.rule).toSorted((a, b) => a.box.y - b.box.y);
    const into = gives.filter((o) => o.box === g.box).toSorted((a, b) => a.rule - b.rule);
    const y = port(g.box, into.indexOf(g), into.length, figurePitch);
    const line = look(g.copy.key);
    return { ...line, key: g.copy.key, copy: g.copy, x: g.box.x - 8, y: y - line.width / 2 - 4, d: curve(from.x + from.width, port(from, out.indexOf(g), out.length, pitch), g.box.x, y, straight) };
  });
  return { width, height, sources, rules, outputs, taken, given, figures: !narrow };
}

/** Where the nth of so many lines meets the edge of a box. */
const port = (b: Box, nth: number, of: number, step: number) => b.y + b.height / 2 + (nth - (of - 1) / 2) * Math.min(step, b.height / Math.max(of, 1));

/** A curve that leaves and arrives level, its last part straight. */
function curve(x1: number, y1: number, x2: number, y2: number, straight: number): string {
  const end = Math.max(x1, x2 - straight);
  const half = (x1 + end) / 2;
  const n = (v: number) => +v.toFixed(1);
  return `M${n(x1)},${n(y1)}C${n(half)},${n(y1)} ${n(half)},${n(y2)} ${n(end)},${n(y2)}` + (end < x2 ? `H${n(x2)}` : '');
}

/** Places boxes in a column in their order, with what is over of its height shared out around them. Gives upper edges. */
export function stack(heights: number[], height: number): number[] {
  const over = Math.max(0, height - sum(heights)) / Math.max(1, heights.length);
  let y = over / 2;
  return heights.map((h) => (y += h + gap + over) - (h + gap + over));
}

/**
 * Places boxes in a column, each with its middle as near to where it is wanted as the others allow, in the order of the wanted
 * middles. Gives upper edges.
 */
export function spread(boxes: [wanted: number, height: number][], height: number): number[] {
  const order = boxes.map((_, i) => i).toSorted((a, b) => boxes[a]![0] - boxes[b]![0] || a - b);
  const y: number[] = boxes.map(() => 0);
  let least = 0;
  for (const i of order) {
    const [wanted, h] = boxes[i]!;
    y[i] = Math.max(least, wanted - h / 2);
    least = y[i]! + h + gap;
  }
  let most = height;
  for (const i of order.toReversed()) {
    y[i] = Math.min(y[i]!, most - boxes[i]![1]);
    most = y[i]! - gap;
  }
  return y;
}

/** The height of boxes with the gaps between them. */
const sum = (heights: number[]) => heights.reduce((all, h) => all + h + gap, -gap);
