import { expect, it } from 'vitest';
import { formatBytes } from '../../lib/format';
import { isPicture, mediaType, sizeText, type Body } from './http';

const body = (more: Partial<Body>): Body => ({ bytes: 10, decoded_bytes: 10, type: '', encoding: '', ...more });

it('shows as pictures only what cannot run', () => {
  expect(isPicture(body({ type: 'image/PNG; x=1' }))).toBe(true);
  for (const type of ['image/svg+xml', 'text/html', '', 'image/x-icon']) expect(isPicture(body({ type })), type).toBe(false);
  expect(mediaType(' Text/HTML ;charset=utf-8')).toBe('text/html');
});

it('tells sizes', () => {
  expect(sizeText(body({}), formatBytes)).toBe('10 B');
  expect(sizeText(body({ bytes: 4200, decoded_bytes: 18000, encoding: 'gzip' }), formatBytes)).toBe('18 kB, sent as 4.2 kB (gzip)');
});
