import { describe, expect, it } from 'vitest';
import { bestForm, blocks, dumpRanges, findBytes, findText, pieces, stretches, turns, wantedBytes, writeHex, writeText } from './stream';
import type { Chunk, Side } from './types';

const chunk = (from: Side, text: string, gap = 0): Chunk => ({ from, time: '2026-11-21T09:38:48.644572016Z', data: btoa(text), gap });
const text = (data: Uint8Array) => new TextDecoder().decode(data);

const talk = [chunk('client', 'GET /'), chunk('client', ' HTTP/1.1\r\n'), chunk('server', 'HTTP/1.1 200', 40), chunk('server', ' rest'), chunk('client', 'bye')];

describe('turns', () => {
  it('joins the pieces of one side until a hole or the other side', () => {
    const list = turns(talk, false);
    expect(list.map((t) => [t.from, text(t.data), t.gap, t.offset])).toEqual([
      ['client', 'GET / HTTP/1.1\r\n', 0, 0],
      ['server', 'HTTP/1.1 200', 40, 0],
      ['server', ' rest', 0, 12],
      ['client', 'bye', 0, 16],
    ]);
  });
  it('keeps datagrams apart', () => expect(turns(talk, true).length).toBe(5));
  it('takes nothing', () => expect(turns([], false)).toEqual([]));
});

it('chooses how to show a stream', () => {
  expect(bestForm(turns(talk, false), ['tcp', 'http'])).toBe('http');
  expect(bestForm(turns(talk, false), ['tcp'])).toBe('text');
  expect(bestForm(turns([chunk('client', '\x16\x03\x01\x00\xff\xfe')], false), ['tls'])).toBe('hex');
});

it('finds text in any case, and takes what is wanted literally', () => {
  expect(findText('GET get gEt', 'get')).toEqual([[0, 3], [4, 7], [8, 11]]);
  expect(findText('a.b a+b (', '.')).toEqual([[1, 2]]);
  expect(findText('[x](y)', '](')).toEqual([[2, 4]]);
  expect(findText('aaaa', 'a', 2)).toEqual([[0, 1], [1, 2]]);
  expect(findText('x', '')).toEqual([]);
});

it('finds bytes, written as hex or as text', () => {
  const data = new TextEncoder().encode('GET / get');
  expect(wantedBytes('47 45 54')).toEqual({ bytes: Uint8Array.of(0x47, 0x45, 0x54), exact: true });
  expect(wantedBytes('0x4745').exact).toBe(true);
  expect(wantedBytes('face').exact).toBe(false);
  expect(wantedBytes('GET').exact).toBe(false);
  expect(findBytes(data, Uint8Array.of(0x47, 0x45, 0x54), true)).toEqual([[0, 3]]);
  expect(findBytes(data, new TextEncoder().encode('get'), false)).toEqual([[0, 3], [6, 9]]);
  expect(findBytes(data, new Uint8Array(0), true)).toEqual([]);
});

it('marks found bytes in both columns of a dump, over line ends', () => {
  const turn = turns([chunk('client', 'x'.repeat(20)), chunk('server', '0123456789abcdefghij')], false)[1]!;
  const dump = writeHex(turn);
  const marked = dumpRanges(turn, 7, 18).map(([a, b]) => dump.slice(a, b));
  expect(marked).toEqual(['37 38  39 61 62 63 64 65 66'.replace('38  39', '38 39').replace('37 38', '37  38'), '789abcdef', '67 68', 'gh']);
});

it('cuts text into blocks that are the text again, never through a character', () => {
  const long = '🦡'.repeat(10_000) + '\nline\n' + 'x'.repeat(20_000);
  const list = blocks(long);
  expect(list.map((b) => b.text).join('')).toBe(long);
  expect(list.every((b) => b.text.length <= 8192 && b.text.length > 0)).toBe(true);
  expect(list.every((b) => b.at === 0 || !/^[\udc00-\udfff]/.test(b.text))).toBe(true);
  expect(blocks('')).toEqual([]);
});

it('cuts a block where matches are, also those that began before it', () => {
  const block = { text: 'cdefgh', at: 2 };
  expect(pieces(block, [[0, 1, 5], [1, 4, 6], [6, 9, 7]])).toEqual([
    { text: 'cd', match: 6 },
    { text: 'ef', match: -1 },
    { text: 'gh', match: 7 },
  ]);
  expect(pieces(block, [])).toEqual([{ text: 'cdefgh', match: -1 }]);
});

it('marks several matches of one row of a dump in the order of the text', () => {
  const turn = turns([chunk('client', 'ab ab')], false)[0]!;
  const marked = stretches(turn, 'hex', [[0, 2], [3, 5]], 10);
  const dump = writeHex(turn);
  expect(marked.map(([a, b, m]) => [dump.slice(a, b), m])).toEqual([['61 62', 10], ['61 62', 11], ['ab', 10], ['ab', 11]]);
  expect(stretches(turn, 'text', [[0, 2]], 3)).toEqual([[0, 2, 3]]);
});

it('writes hostile bytes so that nothing acts', () => {
  const turn = turns([chunk('server', '<img src=x onerror=alert(1)>\x00\x1b[31m\r\n')], false)[0]!;
  expect(writeText(turn)).toBe('<img src=x onerror=alert(1)>␀␛[31m\n');
});
