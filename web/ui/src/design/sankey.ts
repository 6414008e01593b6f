// Where a sankey diagram has what: columns of nodes as high as what passes them, and one ribbon for each path through all columns.

export interface Path {
  /** A name in each column. */
  names: string[];
  value: number;
}

export interface Node {
  column: number;
  name: string;
  /** Names that are drawn as this one; more than one at the foot of a column only, whose name is "". */
  names: string[];
  value: number;
  x: number;
  y: number;
  height: number;
  /** Place in its column. */
  rank: number;
}

export interface Ribbon {
  nodes: Node[];
  value: number;
  d: string; // of an SVG path
}

export interface Sankey {
  width: number;
  height: number;
  nodeWidth: number;
  columns: Node[][];
  ribbons: Ribbon[];
}

export interface Room {
  width: number;
  height: number;
  /** Kept free at both sides, for names. */
  side: number;
  /** Nodes of a column; what is smaller is drawn as one. */
  most: number;
}

const nodeWidth = 12;
const gap = 13; // px between nodes: a line of text beside each
const least = 1.5; // px of a node

/** Lays paths out. Paths of one column more or less than the first are left out, as are those without a positive value. */
export function layout(paths: Path[], room: Room): Sankey {
  const depth = paths[0]?.names.length ?? 0;
  const real = paths.filter((p) => p.names.length === depth && p.value > 0);
  const empty = { width: room.width, height: room.height, nodeWidth, columns: [], ribbons: [] };
  if (depth < 2 || real.length === 0) return empty;

  const columns = Array.from({ length: depth }, (_, c) => column(real, c, room.most));
  const nodeOf = columns.map((nodes) => new Map(nodes.flatMap((n) => n.names.map((name) => [name, n] as const))));
  const joined = join(real, nodeOf);

  const total = real.reduce((sum, p) => sum + p.value, 0);
  const tallest = Math.max(...columns.map((c) => c.length));
  const scale = Math.max(0, room.height - gap * (tallest - 1) - least * tallest) / total; // however small its nodes, a column has room
  columns.forEach((nodes, c) => {
    for (const n of nodes) {
      n.x = room.side + ((room.width - 2 * room.side - nodeWidth) * c) / (depth - 1);
      n.height = Math.max(least, n.value * scale);
    }
    if (c > 0) order(nodes, columns[c - 1]!, joined, c);
    place(nodes, room.height);
  });
  return { ...empty, columns, ribbons: ribbons(joined, columns, scale) };
}

/** The nodes of a column, those of most value first. */
function column(paths: Path[], c: number, most: number): Node[] {
  const sums = new Map<string, number>();
  for (const p of paths) sums.set(p.names[c]!, (sums.get(p.names[c]!) ?? 0) + p.value);
  const list = [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const cut = list.length > most ? most - 1 : list.length;
  const node = (name: string, names: string[], value: number): Node => ({ column: c, name, names, value, x: 0, y: 0, height: 0, rank: 0 });
  const nodes = list.slice(0, cut).map(([name, value]) => node(name, [name], value));
  const rest = list.slice(cut);
  if (rest.length > 0) nodes.push(node('', rest.map(([name]) => name), rest.reduce((sum, [, v]) => sum + v, 0)));
  return nodes;
}

/** Paths between nodes; those between the same ones are one. */
function join(paths: Path[], nodeOf: Map<string, Node>[]): Ribbon[] {
  const all = new Map<string, Ribbon>();
  for (const p of paths) {
    const nodes = p.names.map((name, c) => nodeOf[c]!.get(name)!);
    const key = JSON.stringify(nodes.map((n) => n.names[0]));
    const had = all.get(key);
    if (had) had.value += p.value;
    else all.set(key, { nodes, value: p.value, d: '' });
  }
  return [...all.values()];
}

/** Orders a column by where in the one before what comes to its nodes comes from, so that few ribbons cross; the rest stays last. */
function order(nodes: Node[], before: Node[], ribbons: Ribbon[], c: number) {
  const middle = new Map<Node, number>();
  for (const n of nodes) {
    let sum = 0;
    for (const r of ribbons) if (r.nodes[c] === n) sum += r.value * r.nodes[c - 1]!.rank;
    middle.set(n, n.names.length > 1 ? before.length : sum / n.value);
  }
  nodes.sort((a, b) => middle.get(a)! - middle.get(b)! || b.value - a.value || a.name.localeCompare(b.name));
}

/** Stacks a column's nodes around the middle of the height. */
function place(nodes: Node[], height: number) {
  const all = nodes.reduce((sum, n) => sum + n.height + gap, -gap);
  let y = Math.max(0, (height - all) / 2);
  nodes.forEach((n, i) => {
    n.rank = i;
    n.y = y;
    y += n.height + gap;
  });
}

/** Gives each path its slice of every node it passes. Slices stand in the order of the neighbours, so they cross between columns only. */
function ribbons(joined: Ribbon[], columns: Node[][], scale: number): Ribbon[] {
  const tops = new Map<Ribbon, number[]>(joined.map((r) => [r, []]));
  columns.forEach((nodes, c) => {
    for (const n of nodes) {
      const here = joined.filter((r) => r.nodes[c] === n);
      const near = c === 0 ? [1] : c === columns.length - 1 ? [c - 1] : [c - 1, c + 1];
      const rank = (r: Ribbon) => [...near, ...columns.keys()].map((k) => r.nodes[k]!.rank);
      here.sort((a, b) => compare(rank(a), rank(b)));
      let y = n.y;
      for (const r of here) {
        tops.get(r)![c] = y;
        y += r.value * scale;
      }
    }
  });
  return joined.map((r) => ({ ...r, d: band(r.nodes, tops.get(r)!, Math.max(0.5, r.value * scale)) })).sort((a, b) => b.value - a.value);
}

function compare(a: number[], b: number[]): number {
  const i = a.findIndex((x, k) => x !== b[k]);
  return i < 0 ? 0 : a[i]! - b[i]!;
}

const px = (v: number) => +v.toFixed(2);

/** The outline of a band of a height through nodes: along its upper edge, and back along its lower one. */
function band(nodes: Node[], tops: number[], height: number): string {
  const edge = (shift: number) => nodes.map((n, i) => ({ left: px(n.x), right: px(n.x + nodeWidth), y: px(tops[i]! + shift) }));
  const upper = edge(0);
  const lower = edge(height).reverse();
  let d = `M${upper[0]!.right},${upper[0]!.y}`;
  for (const [i, p] of upper.entries()) if (i > 0) d += curve(upper[i - 1]!.right, upper[i - 1]!.y, p.left, p.y) + (i < upper.length - 1 ? `H${p.right}` : '');
  d += `V${lower[0]!.y}`;
  for (const [i, p] of lower.entries()) if (i > 0) d += curve(lower[i - 1]!.left, lower[i - 1]!.y, p.right, p.y) + (i < lower.length - 1 ? `H${p.left}` : '');
  return d + 'Z';
}

/** A curve that leaves and arrives level. */
function curve(x1: number, y1: number, x2: number, y2: number): string {
  const half = px((x1 + x2) / 2);
  return `C${half},${y1} ${half},${y2} ${x2},${y2}`;
}
