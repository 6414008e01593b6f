import { expect, test } from 'vitest';
import { both, condition, cut, fromByte, narrowed, quoted, shellWord, toByte } from './expression';

test('cut finds the stages, and only those', () => {
  expect(cut('port == 80 | top 10 source.ip')).toEqual({ where: 'port == 80', stages: '| top 10 source.ip' });
  expect(cut('| count')).toEqual({ where: '', stages: '| count' });
  expect(cut('a == 1 || b == 2|head 3')).toEqual({ where: 'a == 1 || b == 2', stages: '|head 3' });
  expect(cut('url.path == "| top 5" | port == 1')).toEqual({ where: 'url.path == "| top 5" | port == 1', stages: '' });
  expect(cut('x == "a\\"| top 3"')).toEqual({ where: 'x == "a\\"| top 3"', stages: '' });
});

test('both keeps the meaning', () => {
  expect(both('', '*', 'a == 1')).toBe('a == 1');
  expect(both('a == 1', 'b == 2')).toBe('a == 1 && b == 2');
  expect(both('a == 1 || b == 2', 'c == 3')).toBe('(a == 1 || b == 2) && c == 3');
  expect(both('a == 1 or b == 2', 'c == 3')).toBe('(a == 1 or b == 2) && c == 3');
  expect(both('a == "x or y"', 'c == 3')).toBe('a == "x or y" && c == 3');
});

test('narrowed adds once, before the stages, and replaces the opposite', () => {
  expect(narrowed('', 'port == 80')).toBe('port == 80');
  expect(narrowed('a == 1 | top 5 b', 'port == 80')).toBe('a == 1 && port == 80 | top 5 b');
  expect(narrowed('a == 1 && port == 80', 'port == 80')).toBe('a == 1 && port == 80');
  expect(narrowed('port == 80 && a == 1', 'port != 80')).toBe('a == 1 && port != 80');
  expect(narrowed('port == 80 || a == 1', 'port != 80')).toBe('(port == 80 || a == 1) && port != 80');
});

test('values mean themselves', () => {
  expect(quoted('GET')).toBe('GET');
  expect(quoted('www.example.com')).toBe('www.example.com');
  expect(quoted('/a b/')).toBe('"/a b/"');
  expect(quoted('*.example')).toBe('"\\*.example"');
  expect(quoted('C:\\x "y"?')).toBe('"C:\\\\x \\"y\\"\\?"');
  expect(quoted('or')).toBe('"or"');
  expect(condition({ name: 'source.ip', type: 'ip' }, '2001:db8::1')).toBe('source.ip == 2001:db8::1');
  expect(condition({ name: 'destination.port', type: 'integer' }, 443, true)).toBe('destination.port != 443');
  expect(condition({ name: 'url.path', type: 'term' }, '')).toBe('url.path != EXISTS!');
  expect(condition({ name: 'url.path', type: 'term' }, '', true)).toBe('url.path == EXISTS!');
});

test('words of a shell', () => {
  expect(shellWord('-15m')).toBe('-15m');
  expect(shellWord(`a == 'x'`)).toBe(`'a == '\\''x'\\'''`);
});

test('byte offsets', () => {
  const text = 'ä == "日🦙" && x';
  for (let i = 0; i <= text.length; i++) {
    if (text.charCodeAt(i) >= 0xdc00 && text.charCodeAt(i) < 0xe000) continue; // the middle of a pair
    expect(fromByte(text, toByte(text, i)), String(i)).toBe(i);
  }
  expect(fromByte('abc', 99)).toBe(3);
});
