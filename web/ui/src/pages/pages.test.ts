import { expect, test } from 'vitest';
import { handover, pages, route } from './pages';

test('paths name pages, and anything else is the front door', () => {
  const of = (path: string) => [route(path).page.id, route(path).id];
  expect(of('/')).toEqual(['explore', '']);
  expect(of('/s')).toEqual(['explore', '']);
  expect(of('/status')).toEqual(['status', '']);
  expect(of('/status/x')).toEqual(['status', '']);
  expect(of('/session/vm-01M7')).toEqual(['session', 'vm-01M7']);
  expect(of('/session/a%2Fb')).toEqual(['session', 'a/b']);
  expect(of('/session/%')).toEqual(['session', '%']);
  expect(of('/session')).toEqual(['explore', '']);
});

test('no two pages share a path or a key', () => {
  for (const of of ['path', 'key'] as const) {
    const all = pages.map((p) => p[of]).filter((x) => x !== undefined);
    expect(new Set(all).size).toBe(all.length);
  }
});

test('an expression goes only where it means something', () => {
  expect(handover('/', '/status', 'session')).toEqual({});
  expect(handover('/', '/processes', 'session')).toMatchObject({ q: '', kind: 'session', order: '' });
  expect(handover('/', '/processes', 'sysevent')).not.toHaveProperty('q');
  expect(handover('/processes', '/', 'sysevent')).toMatchObject({ kind: 'sysevent', order: '' });
  expect(handover('/processes', '/', 'sysevent')).not.toHaveProperty('q');
  expect(handover('/processes', '/processes', 'sysevent')).toEqual({});
});
