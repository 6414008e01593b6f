// Opens everything on a capture made to attack whoever looks at it (hostile.ts). The guard of fixtures.ts fails the test if
// a trap ran, asked for something elsewhere, or was only stopped by the policy: it must not even be tried.
import type { Page } from '@playwright/test';
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
