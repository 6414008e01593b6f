import { afterEach, expect, test, vi } from 'vitest';
import type { Rec } from '../../lib/api';
import { Results, type Question } from './results.svelte';

const question: Question = { q: 'port == 1', kind: 'session', from: '', to: '', bounding: 'last', order: '', columns: ['source.ip'] };
const record = (i: number, more: object = {}): Rec => ({ event: { id: `n-${i}`, kind: 'session', start: '2026-11-21T09:00:00Z', end: '2026-11-21T09:00:00Z' }, ...more }) as Rec;
const coverage = { files: 4, files_done: 4, records: 9, dropped_packets: 0, partial: false };

/** A server that answers by f: pieces of ndjson, the last of which may be `hang`. */
function serve(f: (u: URL) => (object | 'hang')[]) {
  const asked: { url: URL; signal: AbortSignal }[] = [];
  vi.stubGlobal('fetch', async (target: string, init: RequestInit) => {
    const url = new URL(target, 'http://x');
    asked.push({ url, signal: init.signal! });
    const body = new ReadableStream({
      start(c) {
        for (const piece of f(url)) {
          if (piece === 'hang') return void init.signal!.addEventListener('abort', () => c.error(new DOMException('stopped', 'AbortError')));
          c.enqueue(new TextEncoder().encode(JSON.stringify(piece) + '\n'));
        }
        c.close();
      },
    });
    return new Response(body, { status: 200 });
  });
  return asked;
}
afterEach(() => void vi.unstubAllGlobals());

test('rows come while the search runs, and cancel ends the request', async () => {
  const asked = serve(() => [{ record: record(0) }, { progress: { ...coverage, files_done: 1 } }, { record: record(1) }, 'hang']);
  const r = new Results();
  let first = 0;
  const done = r.start(question, () => first++);
  await vi.waitFor(() => expect(r.count).toBe(2));
  expect([first, r.running, r.row(1)?.event.id, r.progress?.files_done]).toEqual([1, true, 'n-1', 1]);
  r.cancel();
  await done;
  expect(asked[0]!.signal.aborted).toBe(true);
  expect([r.running, r.stopped, r.count, r.error]).toEqual([false, true, 2, undefined]);
});

test('an answer that breaks off keeps its rows and says so', async () => {
  serve(() => [{ record: record(0) }]);
  const r = new Results();
  await r.start(question, () => {});
  expect([r.count, r.running]).toEqual([1, false]);
  expect(r.error?.message).toContain('ended early');
});

test('pages are fetched where they are wanted; far ones behind a landmark', async () => {
  const total = 50_000;
  const asked = serve((u) => {
    if (u.pathname === '/api/aggregate') {
      const rows = Array.from({ length: 50 }, (_, i) => ({ bucket: String(1_000_000_000 * i), keys: [], values: [1000] }));
      return [{ by: [], metrics: ['count'], interval: '1000000000', rows, more: false, coverage }];
    }
    const [limit, offset] = [Number(u.searchParams.get('limit')), Number(u.searchParams.get('offset') ?? 0)];
    return [...Array.from({ length: limit }, (_, i) => ({ record: record(offset + i) })), { coverage }];
  });
  const r = new Results();
  await r.start(question, () => {});
  r.setTotal(total);
  expect([r.count, r.total]).toEqual([total, total]);
  r.want(2000, 2040);
  await vi.waitFor(() => expect(r.row(2000)?.event.id).toBe('n-2000'));
  expect(asked.length).toBe(2);
  r.want(41_050, 41_090);
  await vi.waitFor(() => expect(r.row(41_050)).toBeDefined());
  const page = asked.at(-1)!.url.searchParams;
  expect(page.get('q')).toBe('port == 1 && event.start < "1970-01-01T00:00:09Z"'); // 41 buckets of 1000 lie before the ninth second
  expect(page.get('offset')).toBe('0'); // 41,000 is its first row
  r.abandon();
});

test('a further part of a session changes its row', async () => {
  serve(() => [{ record: record(0, { session: { part: 0 }, network: { bytes: 5 } }) }, { coverage }]);
  const r = new Results();
  await r.start(question, () => {});
  expect(r.absorb(record(1))).toBe(false);
  expect(r.absorb(record(0, { session: { part: 0 }, network: { bytes: 5 } }))).toBe(true);
  expect((r.row(0)!.network as { bytes: number }).bytes).toBe(5);
  expect(r.absorb(record(0, { session: { part: 1 }, network: { bytes: 7 } }))).toBe(true);
  expect((r.row(0)!.network as { bytes: number }).bytes).toBe(12);
});

test('while the list moves, rows are fetched ahead of it, no more than two pages at once, and none that are passed', async () => {
  const total = 50_000;
  let answer = true;
  const asked = serve((u) => {
    if (u.pathname === '/api/aggregate') return [{ by: [], metrics: ['count'], interval: '0', rows: [], more: false, coverage }];
    const [limit, offset] = [Number(u.searchParams.get('limit')), Number(u.searchParams.get('offset') ?? 0)];
    return answer ? [...Array.from({ length: limit }, (_, i) => ({ record: record(offset + i) })), { coverage }] : ['hang'];
  });
  const pages = () => asked.filter((a) => a.url.searchParams.get('limit') === '200').map((a) => Number(a.url.searchParams.get('offset')));
  const r = new Results();
  await r.start(question, () => {});
  r.setTotal(total);
  for (let i = 900; i < 1060; i += 10) {
    r.want(i, i + 30);
    await new Promise((done) => setTimeout(done, 10));
  }
  await vi.waitFor(() => expect(r.row(1199)?.event.id).toBe('n-1199'));
  expect(pages()).toEqual([1000]);
  answer = false;
  for (let i = 2000; i < 8000; i += 300) {
    r.want(i, i + 30);
    await new Promise((done) => setTimeout(done, 10));
  }
  expect(pages().length, 'asked for rows that are passed').toBe(1);
  await vi.waitFor(() => expect(pages().length).toBe(3));
  r.abandon();
});
