// The page of CONTRIBUTING.md: what stands there builds, and its test passes.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { accessible, expect, recorded, test } from './fixtures';
import { top, type Server } from './tapir';

const run = promisify(execFile);
const ui = join(top, 'web/ui');

/** The blocks of the page that name a file of the viewer. */
async function blocks(): Promise<{ lang: string; file: string; text: string }[]> {
  const text = await readFile(join(top, 'CONTRIBUTING.md'), 'utf8');
  return [...text.matchAll(/^```(\w+) ui=(\S+)\n(.*?)^```$/gms)].map(([, lang, file, body]) => ({ lang: lang!, file: file!, text: body! }));
}

/** A copy of the viewer's sources with the example in it, which is removed when f is done. */
async function example(f: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tapir-page-'));
  try {
    await mkdir(join(folder, 'ui'));
    for (const name of ['src', 'public', 'index.html', 'package.json', 'svelte.config.js', 'vite.config.ts', 'tsconfig.json']) {
      await cp(join(ui, name), join(folder, 'ui', name), { recursive: true });
    }
    await symlink(join(ui, 'node_modules'), join(folder, 'ui/node_modules'));
    for (const b of await blocks()) {
      const path = join(folder, 'ui', b.file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, b.lang === 'diff' ? patched(await readFile(path, 'utf8'), b.text) : b.text);
    }
    await f(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A text changed by a diff: lines with a blank before them are found once, those with a plus come in. */
function patched(text: string, diff: string): string {
  const lines = diff.split('\n').filter((l) => l !== '');
  const before = lines.filter((l) => l[0] === ' ').map((l) => l.slice(1)).join('\n');
  const after = lines.map((l) => l.slice(1)).join('\n');
  expect(text.split(before).length, `places with ${before}`).toBe(2);
  return text.replace(before, () => after);
}

/** Serves a build, and the API of a server that runs. */
async function beside(dist: string, api: Server, f: (origin: string) => Promise<void>): Promise<void> {
  const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
  const s = createServer((q, a) => {
    const { pathname } = new URL(q.url!, 'http://x');
    if (pathname.startsWith('/api/')) {
      const { method, headers } = q;
      const to = request(new URL(q.url!, api.origin), { method, headers: { ...headers, host: new URL(api.origin).host, origin: api.origin, authorization: `Bearer ${api.token}` } });
      to.on('response', (r) => r.pipe(a.writeHead(r.statusCode!, r.headers)));
      q.pipe(to);
      return;
    }
    const name = extname(pathname) ? pathname : '/index.html';
    void readFile(join(dist, name)).then((b) => a.setHeader('Content-Type', types[extname(name)]!).end(b));
  });
  await new Promise<void>((done) => s.listen(0, '127.0.0.1', done));
  try {
    await f(`http://127.0.0.1:${(s.address() as AddressInfo).port}`);
  } finally {
    s.closeAllConnections();
    s.close();
  }
}

test('the page of CONTRIBUTING.md works', async ({ page, stored }) => {
  test.setTimeout(90_000);
  const files = await blocks();
  expect(files.map((b) => b.file)).toEqual(['src/pages/ports/Ports.svelte', 'src/pages/pages.ts', 'e2e/ports.spec.ts']);
  await example(async (folder) => {
    await run('npx', ['vite', 'build', '--logLevel', 'warn'], { cwd: join(folder, 'ui') });
    await beside(join(folder, 'dist'), stored, async (origin) => {
      // The steps of its test, against the build with the page in it.
      const body = /async \(\{ page, stored \}\) => \{\n(.*)\}\);\n$/s.exec(files[2]!.text)![1]!;
      const steps = new Function('page', 'stored', 'expect', 'accessible', 'recorded', `return (async () => {${body}})()`);
      await steps(page, { at: (path: string, params: Record<string, string>) => `${origin}${path}?${new URLSearchParams(params)}` }, expect, accessible, recorded);
      await page.close(); // before its server
    });
  });
});
