import { afterEach, expect, test, vi } from 'vitest';
import { Asking, type View } from './asking.svelte';
import type { Question } from './results.svelte';

const question: Question = { q: 'port == 1', kind: 'session', from: '', to: '', bounding: 'last', order: '', columns: ['source.ip'] };
const view = (): View => ({ by: 'count', split: '', facets: ['host.name'] });
const coverage = { files: 1, files_done: 1, records: 0, dropped_packets: 0, partial: false };

/** A server that answers a search at once, and a sum only when it is told to. */
function serve() {
  const sums: { url: URL; signal: AbortSignal }[] = [];
  const searches: URL[] = [];
  vi.stubGlobal('fetch', (target: string, init: RequestInit) => {
    const url = new URL(target, 'http://x');
    if (url.pathname === '/api/search') {
      searches.push(url);
      return Promise.resolve(new Response(JSON.stringify({ coverage }) + '\n', { status: 200 }));
    }
    const signal = init.signal!;
    if (url.pathname === '/api/aggregate') sums.push({ url, signal });
    return new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new DOMException('stopped', 'AbortError'))));
  });
  return { sums, searches };
}
/** Frames that are painted when they are told to. */
function frames() {
  let due: (() => void)[] = [];
  vi.stubGlobal('requestAnimationFrame', (f: () => void) => due.push(f));
  return () => due.splice(0).forEach((f) => f());
}
afterEach(() => void vi.unstubAllGlobals());

test('sums are asked for when the first rows have been painted', async () => {
  const { sums } = serve();
  const paint = frames();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const a = new Asking();
  await a.start(question, view);
  paint(); // begins the frame that shows the rows
  await vi.advanceTimersByTimeAsync(100);
  expect(sums.length).toBe(0);
  paint();
  await vi.advanceTimersByTimeAsync(0);
  expect(sums.length).toBe(1);
  await a.start(question, view);
  await vi.advanceTimersByTimeAsync(1000); // out of sight: nothing is painted
  expect(sums.length).toBe(2);
  vi.useRealTimers();
  a.stop();
});

test('a new question ends the sums of the one before it at once', async () => {
  const { sums, searches } = serve();
  vi.stubGlobal('requestAnimationFrame', (f: () => void) => setTimeout(f));
  const a = new Asking();
  await a.start(question, view);
  await vi.waitFor(() => expect(sums.length).toBe(1));
  expect([a.line.loading, sums[0]!.signal.aborted]).toEqual([true, false]);
  const second = a.start({ ...question, q: 'port == 2' }, view);
  expect([sums[0]!.signal.aborted, a.line.loading]).toEqual([true, false]); // before anything of the second came back
  await second;
  await vi.waitFor(() => expect(sums.length).toBe(2));
  expect(sums.map((s) => s.url.searchParams.get('q'))).toEqual(['port == 1', 'port == 2']);
  expect(searches.length).toBe(2);
  a.stop();
  expect([sums[1]!.signal.aborted, a.line.loading]).toEqual([true, false]);
});
