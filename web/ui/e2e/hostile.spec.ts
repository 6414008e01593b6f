// Opens everything on a capture made to attack whoever looks at it (hostile.ts). The guard of fixtures.ts fails the test if
// a trap ran, asked for something elsewhere, or was only stopped by the policy: it must not even be tried.
import type { Page } from '@playwright/test';
import { Exporters } from './exporters';
import { accessible, expect, settled, test } from './fixtures';
import { traps } from './hostile';

const range = { from: '2026-11-21T09:30:00Z', to: '2026-11-21T10:00:00Z' };

/** Moves over and focuses what is there, as traps that wait for it would want. */
async function touch(page: Page): Promise<void> {
  await settled(page);
  for (const x of [80, 400, 800, 1200]) for (const y of [200, 400, 600, 800]) await page.mouse.move(x, y);
  for (let i = 0; i < 12; i++) await page.keyboard.press('Tab');
}

/** No element came out of what was captured: none carries a handler, leads to a script, or loads from elsewhere. */
async function inert(page: Page): Promise<void> {
  const foreign = await page.evaluate(() => {
    const bad: string[] = [];
    for (const e of document.querySelectorAll('*')) {
      for (const a of e.attributes) {
        if (
          /^on/i.test(a.name) ||
          (/^(href|src|action|formaction|xlink:href)$/i.test(a.name) && /^\s*(javascript:|https?:\/\/evil)/i.test(a.value))
        ) {
          bad.push(`${e.tagName} ${a.name}=${a.value}`);
        }
      }
      if (/^(IFRAME|OBJECT|EMBED|FORM|BASE)$/.test(e.tagName) && !e.closest('[data-ours]')) bad.push(e.outerHTML.slice(0, 200));
    }
    return bad;
  });
  expect(foreign).toEqual([]);
}

test('Explore shows hostile values as text', async ({ page, traps: server }) => {
  for (const kind of ['session', 'transaction']) {
    await page.goto(
      server.at('/', {
        ...range,
        kind,
        cols: 'event.start,source.ip,http.host,url.path,user_agent.original,dns.question.name,tls.client.server_name',
      }),
    );
    await touch(page);
    await inert(page);
  }
  await expect(page.getByText('<script>', { exact: false }).first()).toBeVisible();
  await accessible(page);
});

test('a hostile query and hostile parameters are text too', async ({ page, traps: server, guard }) => {
  guard.allow(/status of 400/);
  for (const trap of Object.values(traps)) {
    await page.goto(server.at('/', { ...range, q: trap, cols: trap, order: trap, split: trap, host: trap, by: trap }));
    await settled(page);
    await inert(page);
  }
});

test('every session of it opens', async ({ page, traps: server }) => {
  test.slow();
  const sessions = await server.search('', { limit: '0', columns: 'url.path' });
  expect(sessions.length).toBeGreaterThan(25);
  for (const s of sessions) {
    await page.goto(server.at(`/session/${s.session.id}`, range));
    await settled(page);
    await inert(page);
  }
});

test('host drawers of it open', async ({ page, traps: server }) => {
  for (const host of ['10.66.0.80', '10.66.0.2', traps.script, traps.bidi]) {
    await page.goto(server.at('/', { ...range, host }));
    await touch(page);
    await inert(page);
  }
});

test('what exporters and web servers tell is text', async ({ page }) => {
  const x = await Exporters.start();
  try {
    const client = { ip: '10.66.0.2', port: 40_000 };
    for (const [i, trap] of Object.values(traps).entries()) {
      x.web.request({ client, server: { ip: '10.66.0.80', port: 80 }, host: trap, uri: `/${trap}`, agent: trap, referrer: trap, user: trap, type: trap, status: 200 });
      x.core.later(10).count(1 + i, trap, 1e9, 1e8, 1e7).packet(client, { ip: '10.66.0.80', port: 80 }, 1500, 1 + i, 2 + i);
      await Promise.all([x.web.send(), x.core.send()]);
      await x.core.later(10).count(1 + i, trap, 1e9, 1e8, 1e7).send();
    }
    await x.agents.noise(traps.script);
    await x.stored('http.request.method == GET', Object.values(traps).length);
    await x.stored('sflow.in_bit_rate > 0', Object.values(traps).length);
    for (const params of [{}, { tab: 'interfaces' }, { tab: 'http' }, { tab: 'exporters', exporter: '192.0.2.1/0' }, { tab: 'samples' }, { paths: 'interface' }] as Record<string, string>[]) {
      await page.goto(x.server.at('/network', { from: '-15m', ...params }));
      await touch(page);
      await inert(page);
      // nothing turns the direction of text, hides, or controls
      expect(await page.locator('main').innerText()).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069\ufeff]/);
    }
    await page.goto(x.server.at('/network', { from: '-15m', tab: 'http' }));
    await expect(page.getByText('<script>', { exact: false }).first()).toBeVisible();
    await accessible(page);
    for (const trap of Object.values(traps)) {
      await page.goto(x.server.at('/network', { from: '-15m', tab: 'interfaces', port: trap, rank: trap, paths: trap, exporter: trap, by: trap }));
      await settled(page);
      await inert(page);
    }
  } finally {
    await x.stop();
  }
});

test('processes, files and connections of it show names as text', async ({ page, traps: server }) => {
  for (const [tab, seen] of [['', '<script>hacked("script")</script>'], ['files', '/</style><style>'], ['connections', '10.66.0.2']]) {
    await page.goto(server.at('/processes', { ...range, tab: tab! }));
    await touch(page);
    await inert(page);
    await expect(page.getByRole('grid')).toContainText(seen!);
    await accessible(page);
    await page.locator('[role=row][aria-rowindex="3"] [role=gridcell]').nth(1).click({ button: 'right' });
    await expect(page.getByRole('menu')).toBeVisible();
    await inert(page);
    await page.keyboard.press('Escape');
  }
});

test('system calls of it open, with their data', async ({ page, traps: server }) => {
  test.slow();
  await page.goto(server.at('/', { ...range, kind: 'sysevent', cols: 'start,process,call,info,proc.cmdline,container.name' }));
  await touch(page);
  await inert(page);
  const calls = await server.search('evt.is_io == true || evt.failed == true', { kind: 'sysevent', limit: '0', columns: 'evt.type' });
  expect(calls.length).toBeGreaterThan(30);
  for (const c of calls) {
    await page.goto(server.at('/', { ...range, kind: 'sysevent', event: c.event.id, as: c.evt.type === 'read' ? 'hex' : '' }));
    await settled(page);
    await inert(page);
  }
});

test('hostile parameters of the processes are text too', async ({ page, traps: server, guard }) => {
  guard.allow(/status of 40[04]/);
  for (const trap of Object.values(traps)) {
    await page.goto(server.at('/processes', { ...range, q: trap, order: trap, split: trap, tab: trap, by: trap, event: trap }));
    await settled(page);
    await inert(page);
  }
});
