import { expect, it } from 'vitest';
import { formatBytes } from '../../lib/format';
import { isPicture, mediaType, numbered, sizeText, type Body, type Message } from './http';

const body = (more: Partial<Body>): Body => ({ id: 1, bytes: 10, lost: 0, decoded_bytes: 10, type: '', encoding: '', truncated: false, ...more });

it('shows as pictures only what cannot run', () => {
  expect(isPicture(body({ type: 'image/PNG; x=1' }))).toBe(true);
  for (const type of ['image/svg+xml', 'text/html', '', 'image/x-icon']) expect(isPicture(body({ type })), type).toBe(false);
  expect(mediaType(' Text/HTML ;charset=utf-8')).toBe('text/html');
});

it('tells sizes', () => {
  expect(sizeText(body({}), formatBytes)).toBe('10 B');
  expect(sizeText(body({ encoding: 'br', decoded_bytes: undefined }), formatBytes)).toBe('10 B (br)');
  expect(sizeText(body({ bytes: 4200, decoded_bytes: 18000, encoding: 'gzip' }), formatBytes)).toBe('18 kB, sent as 4.2 kB (gzip)');
});

it('numbers requests and the responses that answer them', () => {
  const m = (from: 'client' | 'server', start_line: string): Message => ({ id: 1, from, time: '', start_line, headers: [], whole: true });
  const list = [m('client', 'POST / HTTP/1.1'), m('client', 'GET / HTTP/1.1'), m('server', 'HTTP/1.1 100 Continue'), m('server', 'HTTP/1.1 200 OK'), m('server', 'HTTP/1.1 101 Switching Protocols')];
  expect(numbered(list).map((x) => x.n)).toEqual([1, 2, 1, 1, 2]);
});
