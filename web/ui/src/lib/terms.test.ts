import { expect, it } from 'vitest';
import { both, quoted, term } from './terms';

it.each([
  ['www.tapir.test', 'www.tapir.test'],
  ['10.0.0.1', '10.0.0.1'],
  ['2001:db8::1', '2001:db8::1'],
  ['::1', '"::1"'],
  ['', '""'],
  ['/a b', '"/a b"'],
  ['/regex/', '"/regex/"'],
  ['50%*?', '"50%\\*\\?"'],
  ['say "hi"\\', '"say \\"hi\\"\\\\"'],
  ['<b>', '"<b>"'],
  ['or', '"or"'],
  ['a,b', '"a,b"'],
])('%j is %s', (text, want) => expect(quoted(text)).toBe(want));

it('writes tests', () => {
  expect(term('url.path', '==', '/x?y=1')).toBe('url.path == "/x\\?y=1"');
  expect(term('event.duration', '!=', 398587, 'duration')).toBe('event.duration != 398587ns');
  expect(term('session.final', '==', true)).toBe('session.final == true');
  expect(term('destination.port', '==', 80)).toBe('destination.port == 80');
});

it('joins tests', () => {
  expect(both('', 'a == 1')).toBe('a == 1');
  expect(both(' * ', 'a == 1')).toBe('a == 1');
  expect(both('b == 2', 'a == 1')).toBe('b == 2 && a == 1');
  expect(both('b == 2 || c == 3', 'a == 1')).toBe('(b == 2 || c == 3) && a == 1');
  expect(both('b == 2 OR c == 3', 'a == 1')).toBe('(b == 2 OR c == 3) && a == 1');
});
