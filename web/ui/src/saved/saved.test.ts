import { afterEach, beforeEach, expect, test, vi } from 'vitest';

// A browser's storage and a server, as small as the tests need them.
let store: Map<string, string>;
let kept: Map<string, Map<string, unknown>>; // by collection and name, what the server has
let save: boolean; // the server can
let refuse: number; // status of what it answers to changes; 0: none is refused

beforeEach(() => {
  vi.resetModules();
  store = new Map();
  kept = new Map();
  save = true;
  refuse = 0;
  vi.stubGlobal('localStorage', { getItem: (k: string) => store.get(k) ?? null, setItem: (k: string, v: string) => store.set(k, v) });
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    if (url === '/api/status') return Response.json({ can: { save } });
    if (refuse && init.method) return new Response(JSON.stringify({ error: { message: 'no' } }), { status: refuse });
    const [, , , collection = '', name] = new URL(url, 'http://x').pathname.split('/');
    const items = kept.get(collection) ?? kept.set(collection, new Map()).get(collection)!;
    if (init.method === 'PUT') items.set(decodeURIComponent(name!), JSON.parse(init.body as string));
    else if (init.method === 'DELETE') items.delete(decodeURIComponent(name!));
    else return Response.json({ items: [...items].map(([n, value], i) => ({ name: n, value, changed: `2026-11-21T00:00:${String(i).padStart(2, '0')}Z` })) });
    return new Response(null, { status: 204 });
  });
});

afterEach(() => vi.unstubAllGlobals());

const load = async () => (await import('./saved.svelte')).saved;

test('a server that keeps things keeps them', async () => {
  const saved = await load();
  await saved.put('views', 'a/b ü', { q: 'port == 80' });
  await saved.put('views', 'later', 1);
  expect(saved.where).toBe('server');
  expect(kept.get('views')!.get('a/b ü')).toEqual({ q: 'port == 80' });
  expect(store.size).toBe(0);
  expect((await saved.list('views')).map((i) => i.name)).toEqual(['later', 'a/b ü']);
  await saved.remove('views', 'later');
  expect(saved.items('views').map((i) => i.name)).toEqual(['a/b ü']);
  expect([...kept.get('views')!.keys()]).toEqual(['a/b ü']);
});

test('without one the browser does, and again after a reload', async () => {
  save = false;
  let saved = await load();
  await saved.put('columns', 'mine', ['a']);
  await saved.put('columns', 'mine', ['b']);
  await saved.put('columns', 'other', []);
  await saved.remove('columns', 'other');
  expect(saved.where).toBe('browser');
  vi.resetModules();
  saved = await load();
  expect((await saved.list('columns')).map((i) => [i.name, i.value])).toEqual([['mine', ['b']]]);
});

test('what a server refuses for another reason is an error', async () => {
  refuse = 413;
  const saved = await load();
  await expect(saved.put('views', 'x', 'too long')).rejects.toThrow('no');
  expect(saved.items('views')).toEqual([]);
});

test('recent queries of a browser are few, and none comes twice', async () => {
  save = false;
  const saved = await load();
  for (let i = 0; i < 55; i++) await saved.note({ q: `port == ${i}`, kind: 'session' });
  await saved.note({ q: 'port == 50', kind: 'session' });
  await saved.note({ q: '  ', kind: 'session' });
  const list = saved.items('recent').map((i) => (i.value as { q: string }).q);
  expect(list.length).toBe(50);
  expect(list.slice(0, 2)).toEqual(['port == 50', 'port == 54']);
});

test('a browser whose storage holds nonsense has nothing', async () => {
  save = false;
  store.set('tapir.saved.views', '{"no');
  const saved = await load();
  expect(await saved.list('views')).toEqual([]);
});
