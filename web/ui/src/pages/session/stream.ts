// What both sides of a session said, turn by turn, as text or hex, and where something stands in it.

import { asciiByte, decodeBase64, hexByte, hexRows, looksLikeText, offsetText, ROW, visible } from '../../lib/bytes';
import type { Chunk, Side } from './types';

/** What one side said until the other one spoke. */
export interface Turn {
  from: Side;
  /** Time of its first piece. */
  time: string;
  data: Uint8Array;
  /** Bytes that were lost behind data. */
  gap: number;
  /** Place of its first byte in what its side said; bytes lost do not count. */
  offset: number;
}

/**
 * The turns of a conversation. Pieces of a byte stream that follow one another from one side are one turn; datagrams
 * stay apart, for their borders mean something.
 */
export function turns(chunks: Chunk[], datagrams: boolean): Turn[] {
  const out: Turn[] = [];
  const said = { client: 0, server: 0 };
  let pieces: Uint8Array[] = [];
  const finish = () => {
    const turn = out[out.length - 1];
    if (turn) turn.data = join(pieces);
    pieces = [];
  };
  for (const c of chunks) {
    const data = decodeBase64(c.data);
    const last = out[out.length - 1];
    if (!last || datagrams || last.from !== c.from || last.gap > 0) {
      finish();
      out.push({ from: c.from, time: c.time, data: new Uint8Array(0), gap: c.gap, offset: said[c.from] });
    } else last.gap = c.gap;
    pieces.push(data);
    said[c.from] += data.length;
  }
  finish();
  return out;
}

function join(pieces: Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const out = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of pieces) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** How a stream is shown. */
export type Form = 'text' | 'hex' | 'http';

/** The form a stream is best shown in: decoded HTTP if it is that, hex if most of it is no text. */
export function bestForm(list: Turn[], protocols: string[]): Form {
  if (protocols.includes('http')) return 'http';
  const text = list.filter((t) => looksLikeText(t.data)).reduce((n, t) => n + t.data.length, 0);
  const total = list.reduce((n, t) => n + t.data.length, 0);
  return text * 2 >= total ? 'text' : 'hex';
}

/** A stretch of a text that belongs to a match of a search: where it begins, one past its end, number of the match. */
export type Stretch = [number, number, number];

/** A turn as text. */
export function writeText(turn: Turn): string {
  return visible(turn.data);
}

/** A turn as a hex dump whose offsets count what its side said. */
export function writeHex(turn: Turn): string {
  const total = turn.offset + turn.data.length;
  const lines: string[] = new Array(hexRows(turn.data.length));
  for (let row = 0; row < lines.length; row++) {
    let hex = '';
    let text = '';
    for (let i = row * ROW; i < Math.min((row + 1) * ROW, turn.data.length); i++) {
      hex += (i % ROW === ROW / 2 ? '  ' : i % ROW === 0 ? '' : ' ') + hexByte(turn.data[i]!);
      text += asciiByte(turn.data[i]!);
    }
    lines[row] = `${offsetText(turn.offset + row * ROW, total)}  ${hex.padEnd(ROW * 3)}  ${text}`;
  }
  return lines.join('\n');
}

/** Most matches of a search that are counted and shown. */
export const MOST_MATCHES = 10_000;

/** Where what is being looked for stands in a text, in any case; at most limit stretches. */
export function findText(text: string, wanted: string, limit = MOST_MATCHES): [number, number][] {
  if (!wanted) return [];
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'), 'gi');
  const out: [number, number][] = [];
  for (let m = pattern.exec(text); m && out.length < limit; m = pattern.exec(text)) {
    out.push([m.index, m.index + m[0].length]);
  }
  return out;
}

/** The bytes that a search in hex means: pairs of hex digits ("47 45 54", "0x474554"), else the text itself. */
export function wantedBytes(wanted: string): { bytes: Uint8Array; exact: boolean } {
  const digits = wanted.replace(/^0x/i, '').replace(/[\s:]/g, '');
  const spelled = /^0x/i.test(wanted) || /[\s:]/.test(wanted.trim());
  if (digits.length >= 2 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits) && (spelled || /\d/.test(digits))) {
    return { bytes: Uint8Array.from(digits.match(/../g)!, (d) => parseInt(d, 16)), exact: true };
  }
  return { bytes: new TextEncoder().encode(wanted), exact: false };
}

/** Where bytes stand in data; letters in any case unless exact. */
export function findBytes(data: Uint8Array, wanted: Uint8Array, exact: boolean, limit = MOST_MATCHES): [number, number][] {
  const out: [number, number][] = [];
  const n = wanted.length;
  if (!n) return out;
  const low = (b: number) => (!exact && b >= 0x41 && b <= 0x5a ? b + 0x20 : b);
  const want = Uint8Array.from(wanted, low);
  for (let i = 0; i + n <= data.length && out.length < limit; i++) {
    let k = 0;
    while (k < n && low(data[i + k]!) === want[k]) k++;
    if (k < n) continue;
    out.push([i, i + n]);
    i += n - 1;
  }
  return out;
}

/** The stretches that bytes from..to take in a dump that writeHex made, in its hex and its text column. */
export function dumpRanges(turn: Turn, from: number, to: number): [number, number][] {
  const head = offsetText(turn.offset, turn.offset + turn.data.length).length + 2;
  const column = (i: number) => head + i * 3 + (i >= ROW / 2 ? 1 : 0);
  const textAt = head + ROW * 3 + 2;
  const out: [number, number][] = [];
  for (let row = Math.floor(from / ROW); row * ROW < to; row++) {
    // Every line but the last is as long as the first.
    const start = row * (textAt + ROW + 1);
    const a = Math.max(from - row * ROW, 0);
    const b = Math.min(to - row * ROW, ROW);
    out.push([start + column(a), start + column(b - 1) + 2], [start + textAt + a, start + textAt + b]);
  }
  return out;
}

/** A part of a written turn, small enough to be laid out at once. */
export interface Block {
  text: string;
  /** Where it stands in the turn's text. */
  at: number;
}

/** Most characters of a block. */
const BLOCK = 8192;

/** A text cut into blocks, behind a line feed where there is one; their texts joined are the text. */
export function blocks(text: string): Block[] {
  const out: Block[] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + BLOCK, text.length);
    if (end < text.length) {
      const line = text.lastIndexOf('\n', end - 1);
      if (line >= at) end = line + 1;
      else if (isLowSurrogate(text.charCodeAt(end))) end--;
    }
    out.push({ text: text.slice(at, end), at });
    at = end;
  }
  return out;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** The stretches of a turn that are to be marked, in order; matches are numbered from first. */
export function stretches(turn: Turn, form: 'text' | 'hex', matches: [number, number][], first: number): Stretch[] {
  if (form === 'text') return matches.map(([a, b], i) => [a, b, first + i]);
  return matches.flatMap(([a, b], i) => dumpRanges(turn, a, b).map(([x, y]): Stretch => [x, y, first + i])).sort((x, y) => x[0] - y[0]);
}

/** A piece of a block: match is the number of the match it belongs to, or -1. */
export interface Piece {
  text: string;
  match: number;
}

/** A block cut where stretches (ordered, of the whole turn) begin and end. */
export function pieces(block: Block, marked: Stretch[]): Piece[] {
  const out: Piece[] = [];
  const end = block.at + block.text.length;
  let at = block.at;
  for (let i = firstEndingAfter(marked, block.at); i < marked.length && marked[i]![0] < end; i++) {
    const [from, to, match] = marked[i]!;
    const a = Math.max(from, at);
    const b = Math.min(to, end);
    if (a >= b) continue;
    if (a > at) out.push({ text: block.text.slice(at - block.at, a - block.at), match: -1 });
    out.push({ text: block.text.slice(a - block.at, b - block.at), match });
    at = b;
  }
  if (at < end) out.push({ text: block.text.slice(at - block.at), match: -1 });
  return out;
}

function firstEndingAfter(marked: Stretch[], v: number): number {
  let lo = 0;
  let hi = marked.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (marked[mid]![1] <= v) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}
