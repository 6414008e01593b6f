// Explore, as it is used: asked, narrowed, looked through, taken away.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { accessible, expect, recorded, settled, test } from './fixtures';
import type { Server } from './tapir';

const run = promisify(execFile);

const query = (page: Page) => page.getByRole('textbox', { name: 'Query' });
const grid = (page: Page) => page.getByRole('grid');
const editor = (page: Page) => page.locator('.cm-content');

/** Opens Explore and waits until the editor is in the place of the plain field. */
async function open(page: Page, server: Server, params: Record<string, string> = {}): Promise<void> {
  await page.goto(server.at('/', { ...recorded, ...params }));
  await expect(editor(page)).toBeVisible();
  await settled(page);
}

/** Asks an expression, as a user would. */
async function ask(page: Page, q: string): Promise<void> {
  await query(page).fill(q);
  await query(page).press('Enter');
  await expect.poll(() => new URL(page.url()).searchParams.get('q') ?? '').toBe(q);
  await settled(page);
}

/** How many rows there are. */
const rows = async (page: Page) => Number(await grid(page).getAttribute('aria-rowcount')) - 1;

/** How many records the server has for an expression. */
const count = async (server: Server, q: string, params: Record<string, string> = {}) => (await server.search(q, { ...recorded, limit: '0', ...params })).length;

test('an expression is asked, and the history goes back', async ({ page, stored }) => {
  await open(page, stored);
  const all = await count(stored, '');
  expect(await rows(page)).toBe(all);
  const q = 'http.method == GET && ip.dst == 10.77.0.1';
  await ask(page, q);
  const some = await count(stored, q);
  expect(some).toBeGreaterThan(3);
  expect(some).toBeLessThan(all);
  expect(await rows(page)).toBe(some);
  await expect(grid(page).getByRole('row').nth(1)).toContainText('GET');
  await page.goBack();
  await settled(page);
  expect(await rows(page)).toBe(all);
  await page.goForward();
  await settled(page);
  expect(await rows(page)).toBe(some);
  await expect(editor(page)).toHaveText(q);
});

// A browser would keep the colour of what is typed over as an inline style: the guard sees what the policy stops.
test('a coloured expression is typed over', async ({ page, stored }) => {
  await open(page, stored, { q: 'protocols == http && port == 80' });
  await expect(editor(page).locator('.q-field').first()).toHaveText('protocols');
  await page.keyboard.press('/');
  await query(page).fill('http.method == GET');
  await expect(editor(page).locator('.q-field')).toHaveText('http.method');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('bytes > 1');
  await expect(editor(page).locator('.q-field')).toHaveText('bytes');
  await page.keyboard.press('Shift+Home');
  await page.keyboard.press('Backspace');
  await expect(editor(page).locator('.q-field')).toHaveCount(0);
  await query(page).fill('port == 53');
  await page.keyboard.press('Enter');
  await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe('port == 53');
});

test('the plain field works before the editor is there', async ({ page, stored, guard }) => {
  guard.allow(/net::ERR_FAILED|status of 400/);
  await page.route(/assets\/editor/, (r) => r.abort());
  await page.goto(stored.at('/', recorded));
  await ask(page, 'protocols == dns');
  expect(await rows(page)).toBe(await count(stored, 'protocols == dns'));
  await ask(page, 'prt == 53 && protocols == dns');
  await page.getByRole('main').getByRole('button', { name: 'port', exact: true }).click();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/q=port\+%3D%3D\+53/);
});

// CodeMirror's completions take no key in their first 75 ms, lest one meant for the text choose among them.
const deaf = 150;

test('a name is completed and coloured', async ({ page, stored }) => {
  await open(page, stored);
  await query(page).click();
  await page.keyboard.type('http.request.me');
  await expect(page.getByRole('option', { name: /^http\.request\.method/ })).toBeVisible();
  await page.waitForTimeout(deaf);
  await page.keyboard.press('Tab');
  await expect(editor(page)).toHaveText(/^http\.request\.method/);
  await page.keyboard.type(' == G');
  await expect(page.getByRole('option', { name: /^GET/ })).toBeVisible();
  await page.waitForTimeout(deaf);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(editor(page)).toHaveText('http.request.method == GET');
  await expect(editor(page).locator('.q-field')).toHaveText('http.request.method');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/q=http\.request\.method/);
  await settled(page);
  expect(await rows(page)).toBe(await count(stored, 'http.request.method == GET'));
});

test('a wrong expression is underlined at its place and mended', async ({ page, stored, guard }) => {
  guard.allow(/status of 400/);
  await open(page, stored);
  await ask(page, 'port == 8080 && sorce.ip == 10.77.0.2');
  await expect(editor(page).locator('.q-wrong')).toHaveText('sorce.ip');
  await expect(page.getByRole('heading', { name: 'The expression is not right' })).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: 'source.ip', exact: true }).first().click();
  await expect(editor(page)).toHaveText('port == 8080 && source.ip == 10.77.0.2');
  await page.keyboard.press('Enter');
  await settled(page);
  await expect(editor(page).locator('.q-wrong')).toHaveCount(0);
  expect(await rows(page)).toBe(await count(stored, 'port == 8080 && source.ip == 10.77.0.2'));
});

test('brushing the timeline narrows the time, and [ ] moves it', async ({ page, stored }) => {
  await open(page, stored, { from: '2026-11-21T09:38:40Z', to: '2026-11-21T09:40:40Z' });
  const before = await rows(page);
  const over = page.locator('.u-over');
  const box = (await over.boundingBox())!;
  await page.mouse.move(box.x + 2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 4, box.y + 20, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=2026-11-21T09:38:4/);
  await settled(page);
  const p = new URL(page.url()).searchParams;
  expect(await rows(page)).toBe(await count(stored, '', { from: p.get('from')!, to: p.get('to')! }));
  expect(await rows(page)).toBeLessThan(before);
  await page.keyboard.press('Escape');
  await page.keyboard.press(']');
  await expect.poll(() => new URL(page.url()).searchParams.get('from')).not.toBe(p.get('from'));
  await page.keyboard.press('[');
  await expect.poll(() => new URL(page.url()).searchParams.get('from')).toBe(p.get('from'));
});

test('the timeline draws latency as percentiles', async ({ page, stored }) => {
  await open(page, stored, { kind: 'transaction', by: 'bytes', split: 'protocol' });
  await page.getByRole('button', { name: 'Chart: Bytes' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Latency' }).click();
  await expect(page).toHaveURL(/by=latency/);
  expect(new URL(page.url()).searchParams.get('split')).toBeNull();
  await settled(page);
  await expect(page.getByRole('region', { name: 'Timeline' })).toContainText('95 of 100 within');
  await expect(page.getByRole('img', { name: /^Latency over time: median at most [\d.]+ (µs|ms|s)/ })).toBeVisible();
});

test('the time range is chosen and typed', async ({ page, stored }) => {
  await open(page, stored);
  await page.keyboard.press('Escape');
  await page.keyboard.press('t');
  const dialog = page.getByRole('dialog', { name: 'Time range' });
  await accessible(page);
  await dialog.getByLabel('From (UTC)').fill('2026-11-21 09:38:47.02');
  await dialog.getByLabel('To', { exact: true }).fill('2026-11-21 09:38:48');
  await dialog.getByLabel('To', { exact: true }).press('Enter');
  await expect(page).toHaveURL(/from=2026-11-21T09:38:47\.02Z&to=2026-11-21T09:38:48Z/);
  await settled(page);
  expect(await rows(page)).toBe(await count(stored, '', { from: '2026-11-21T09:38:47.02Z', to: '2026-11-21T09:38:48Z' }));
  await page.getByRole('button', { name: /^Time range/ }).click();
  await dialog.getByRole('button', { name: 'All that is stored' }).click();
  await expect(page).not.toHaveURL(/from=/);
});

test('values of a field narrow and exclude', async ({ page, stored }) => {
  await open(page, stored);
  const all = await rows(page);
  const field = page.getByRole('region', { name: 'network.protocol' });
  await field.getByText('dns', { exact: true }).hover();
  await field.getByRole('button', { name: 'Exclude network.protocol dns' }).click();
  await expect(editor(page)).toHaveText('network.protocol != dns');
  await settled(page);
  const without = await rows(page);
  await page.goBack();
  await settled(page);
  await field.getByText('dns', { exact: true }).hover();
  await field.getByRole('button', { name: 'Filter for network.protocol dns' }).click();
  await expect(editor(page)).toHaveText('network.protocol == dns');
  await settled(page);
  expect((await rows(page)) + without).toBe(all);
  // a field that is not open yet
  await page.getByPlaceholder('Find a field (f)').fill('dns.host');
  await page.getByRole('button', { name: 'dns.host', exact: true }).click();
  await expect(page.getByRole('region', { name: 'dns.host' }).getByText('www.tapir.test')).toBeVisible();
});

test('right click and . offer what can be done with a value', async ({ page, stored }) => {
  await open(page, stored, { q: 'protocols == http' });
  await grid(page).getByText('10.77.0.2', { exact: true }).first().click({ button: 'right' });
  const menu = page.getByRole('menu', { name: 'Value' });
  await expect(menu.getByRole('menuitem', { name: /Open host/ })).toBeVisible();
  await accessible(page);
  await menu.getByRole('menuitem', { name: /^Exclude/ }).click();
  await expect(editor(page)).toHaveText('protocols == http && source.ip != 10.77.0.2');
  await page.goBack();
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('.');
  await expect(menu).toContainText('source.ip');
  await page.keyboard.press('Enter');
  await expect(editor(page)).toHaveText(/^protocols == http && source\.ip == /);
});

test('columns are chosen, moved, sorted by, and stand in the URL', async ({ page, stored }) => {
  await open(page, stored, { q: 'protocols == http' });
  await page.getByPlaceholder('Find a field (f)').fill('http.response.status_code');
  await page.getByRole('button', { name: 'Column http.response.status_code', exact: true }).click();
  const head = page.getByRole('columnheader');
  await expect(head.filter({ hasText: 'http.response.status_code' })).toBeVisible();
  expect(new URL(page.url()).searchParams.get('cols')).toBe('start,source,destination,protocol,bytes,packets,duration,http.response.status_code,info');
  await head.filter({ hasText: 'Bytes' }).dragTo(head.filter({ hasText: 'Source' }));
  await expect.poll(() => new URL(page.url()).searchParams.get('cols')).toMatch(/^start,bytes,source,/);
  await head.getByRole('button', { name: 'Bytes' }).click();
  await expect(page).toHaveURL(/order=network\.bytes:desc/);
  await settled(page);
  const most = Math.max(...(await stored.search('protocols == http', { ...recorded, limit: '0' })).map((r) => r.network.bytes));
  await expect(page.locator('[aria-rowindex="2"] [data-field="network.bytes"]')).toHaveAttribute('data-value', String(most));
});

test('sessions and transactions, by key, and a row opens its session', async ({ page, stored }) => {
  await open(page, stored, { q: 'protocols == http' });
  await page.keyboard.press('s');
  await expect(page).toHaveURL(/kind=transaction/);
  await settled(page);
  expect(await rows(page)).toBe(await count(stored, 'protocols == http', { kind: 'transaction' }));
  await expect(page.getByRole('tab', { name: 'Transactions' })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/session\/sensor-1-/);
  await page.goBack();
  await expect(page).toHaveURL(/kind=transaction/);
});

test('an expression that groups makes a table', async ({ page, stored }) => {
  await open(page, stored, { q: '| top 2 destination.port by sum(bytes)' });
  const table = page.getByRole('grid', { name: 'Groups' });
  await expect(table.getByRole('row')).toHaveCount(3);
  await expect(table.getByRole('row').nth(1)).toContainText('8080');
});

test('what matches is downloaded, and has the packets that tshark counts', async ({ page, stored }) => {
  await open(page, stored, { q: 'protocols == dns' });
  await page.keyboard.press('e');
  const dialog = page.getByRole('dialog', { name: 'Export' });
  await accessible(page);
  const save = async () => {
    const [d] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('link', { name: 'Download' }).click()]);
    return d.path();
  };
  const file = await save();
  const { stdout } = await run('tshark', ['-r', file], { maxBuffer: 64 << 20 });
  const records = await stored.search('protocols == dns', { ...recorded, limit: '0' });
  expect(stdout.trim().split('\n').length).toBe(records.reduce((n, r) => n + r.network.packets, 0));

  await page.keyboard.press('j');
  await page.keyboard.press('e');
  await dialog.getByLabel('Only the current row').check();
  await dialog.getByLabel('pcapng').check();
  const one = await run('tshark', ['-r', await save()]);
  expect(one.stdout.trim().split('\n').length).toBe(records[0].network.packets);
});

test('the page is given away as a URL and as commands', async ({ page, context, stored }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, stored, { q: 'protocols == dns', from: '-90000d', to: '' });
  const clip = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('menuitem', { name: /URL/ }).click();
  await expect.poll(clip).toMatch(/\?q=protocols\+%3D%3D\+dns&from=\d{4}-\d\d-\d\dT[\d:.]+Z&to=\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('menuitem', { name: /tapir search/ }).click();
  await expect.poll(clip).toMatch(/^tapir search --from \S+Z --to \S+Z 'protocols == dns'$/);
});

test('it says why there is nothing', async ({ page, stored, empty }) => {
  await page.goto(empty.at('/'));
  await expect(page.getByText('sudo tapir record -i any')).toBeVisible();
  await accessible(page);
  await open(page, stored, { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' });
  await expect(page.getByRole('heading', { name: 'Nothing in this time range' })).toBeVisible();
  await page.getByRole('button', { name: 'Show all that is stored' }).click();
  await settled(page);
  expect(await rows(page)).toBeGreaterThan(10);
  await ask(page, 'url.path == /nowhere');
  await expect(page.getByRole('heading', { name: 'No session passes this expression' })).toBeVisible();
});

test('UTC or local at one key, and the keys are listed', async ({ page, stored }) => {
  await open(page, stored);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toContainText('Half a range back');
  await accessible(page);
  await page.keyboard.press('Escape');
  await page.keyboard.press('u');
  await expect(page).toHaveURL(/tz=local/);
  await page.keyboard.press('u');
  await expect(page).not.toHaveURL(/tz=/);
});
