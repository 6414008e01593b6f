// The bounds of what a browser has to load, measured on the build that is embedded. Sizes are those of brotli at its best,
// as web/embed.go serves them.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import type { Page, Response } from '@playwright/test';
import { expect, recorded, settled, test } from './fixtures';
import { top } from './tapir';
import { range as made } from './webserver';

const kB = 1000;
const budget = { firstPaint: 90 * kB, explore: 200 * kB, lazyPage: 60 * kB, dist: 2000 * kB, packages: 12 };

/** The files of the build that a page asks for, in the order in which it does. */
function watch(page: Page): string[] {
  const names: string[] = [];
  page.on('response', (r: Response) => {
    const path = new URL(r.url()).pathname;
    if (r.request().isNavigationRequest() && r.ok()) names.push('/index.html');
    else if (/^\/(assets\/|[^/]+\.(svg|js|css)$)/.test(path)) names.push(path);
  });
  return names;
}

async function brotli(names: Iterable<string>): Promise<number> {
  let sum = 0;
  for (const name of new Set(names)) sum += brotliCompressSync(await readFile(join(top, 'web/dist', name))).length;
  return sum;
}

/** What index.html names, and what those files import before they run: without it nothing is painted. */
async function needed(): Promise<Set<string>> {
  const found = new Set(['/index.html']);
  for (const name of found) {
    const text = await readFile(join(top, 'web/dist', name), 'utf8');
    if (name.endsWith('.html')) for (const [, file] of text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) found.add(file!);
    if (name.endsWith('.js')) {
      for (const [, file] of text.matchAll(/(?:^|[;}])\s*import\s*(?:[\w*{}\s,$]+?from\s*)?["']\.\/([^"']+)["']/g))
        found.add('/assets/' + file);
    }
  }
  return found;
}

test('the first paint is small', async () => {
  const files = await needed();
  expect(files.size, 'index.html names its script and style').toBeGreaterThanOrEqual(3);
  report('first paint', await brotli(files), budget.firstPaint);
});

test('Explore is small, with its table, chart and editor', async ({ page, stored }) => {
  const names = watch(page);
  await page.goto(stored.at('/', recorded));
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.keyboard.type('ip');
  await settled(page);
  report('Explore', await brotli(names), budget.explore);
});

test('each further page is small', async ({ page, stored, calls }) => {
  const names = watch(page);
  await page.goto(stored.at('/', recorded));
  await page.getByRole('textbox', { name: 'Query' }).click();
  await settled(page);
  const explore = new Set(names);
  const [session] = await stored.search('protocols == http', { limit: '1' });
  const [call] = await calls.search('evt.is_io == true', { kind: 'sysevent', limit: '1' });
  const pages = {
    status: stored.at('/status', recorded),
    network: stored.at('/network', recorded),
    session: stored.at(`/session/${session.session.id}`, recorded),
    host: stored.at('/', { ...recorded, host: session.source.ip }),
    processes: calls.at('/processes', made),
    call: calls.at('/', { ...made, kind: 'sysevent', event: call.event.id }),
  };
  for (const [name, url] of Object.entries(pages)) {
    names.length = 0;
    await page.goto(url);
    await settled(page);
    report(name, await brotli(names.filter((n) => !explore.has(n))), budget.lazyPage);
  }
});

test('the embedded build is small', async () => {
  const dist = join(top, 'web/dist');
  let sum = 0;
  for (const name of await readdir(dist, { recursive: true })) {
    const s = await stat(join(dist, name));
    if (s.isFile()) sum += s.size;
  }
  report('dist', sum, budget.dist);
});

test('few packages are in it, and each is named', async () => {
  const ui = join(top, 'web/ui');
  const { dependencies } = JSON.parse(await readFile(join(ui, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  expect(Object.keys(dependencies).length).toBeLessThanOrEqual(budget.packages);
  const imported = new Set<string>();
  for (const name of await readdir(join(ui, 'src'), { recursive: true })) {
    if (!/\.(ts|svelte)$/.test(name) || name.endsWith('.test.ts')) continue;
    const text = await readFile(join(ui, 'src', name), 'utf8');
    for (const [, from] of text.matchAll(/\b(?:from|import)\s*\(?\s*['"](@?[a-z][\w./-]*)['"]/g)) {
      imported.add(
        from!
          .split('/')
          .slice(0, from!.startsWith('@') ? 2 : 1)
          .join('/'),
      );
    }
  }
  expect([...imported].filter((name) => !(name in dependencies))).toEqual([]);
});

/** Tells the figure, in the report and to whoever reads the log, and fails above the bound. */
function report(what: string, bytes: number, bound: number): void {
  test.info().annotations.push({ type: 'size', description: `${what}: ${(bytes / kB).toFixed(1)} of ${bound / kB} kB` });
  console.log(`${what}: ${(bytes / kB).toFixed(1)} of ${bound / kB} kB`);
  expect(bytes, what).toBeLessThanOrEqual(bound);
}
