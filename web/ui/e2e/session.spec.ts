// The session page: open one, see its packets over time, highlight a field in the bytes both ways, follow its stream, take its
// packets home and compare them with what tshark reads in the original.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Page } from '@playwright/test';
import { accessible, expect, settled, test } from './fixtures';
import { Capture } from './packets';
import { captures, importInto, newData, serve, type Server } from './tapir';

const run = promisify(execFile);

/** The id of a session with the field. */
async function find(server: Server, q: string): Promise<string> {
  const [first] = await server.search(q, { limit: '1' });
  expect(first, q).toBeDefined();
  return first!.session.id;
}

/** What stands marked in the hex column. */
const marked = (page: Page) =>
  page.getByRole('grid', { name: 'Bytes of the packet' }).evaluate((g) => [...g.querySelectorAll('[role=gridcell].chosen')].map((e) => e.textContent).join(' '));

test('header, ladder and fields of a session', async ({ page, stored }) => {
  await page.goto(stored.at('/session/' + (await find(stored, 'protocols == http && packets > 8'))));
  await expect(page.getByRole('heading', { level: 1 })).toContainText('10.77.0.2:');
  await expect(page.getByRole('slider', { name: 'Packets over time' })).toBeVisible();
  await expect(page.getByText(/\d+ packets in .* from the client with .* 2 SYN, 2 FIN/).first()).toBeVisible();
  const http = page.getByRole('region', { name: 'HTTP' });
  await expect(http.getByText('GET', { exact: true }).first()).toBeVisible();
  await page.getByRole('searchbox', { name: 'Find a field' }).fill('community');
  await expect(page.getByRole('region')).toHaveCount(1);
  await accessible(page);
});

test('a value filters, and back leads to the session', async ({ page, stored }) => {
  const at = stored.at('/session/' + (await find(stored, 'protocols == http && packets > 8')));
  await page.goto(at);
  const row = page.getByRole('region', { name: 'HTTP' }).getByRole('listitem').filter({ hasText: /^GET/ }).first();
  await row.hover();
  await row.getByRole('button', { name: /^Filter for/ }).click();
  await expect(page).toHaveURL((u) => u.pathname === '/' && u.searchParams.get('q') === 'http.request.method == GET');
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('10.77.0.2:');
});

test('a field is marked in the bytes, and a byte in the tree', async ({ page, stored }) => {
  await page.goto(stored.at('/session/' + (await find(stored, 'protocols == http && packets > 8')), { tab: 'packets', packet: '1' }));
  await page.getByRole('treeitem', { name: 'Source Port: ' }).click();
  const port = Number(/Source Port: (\d+)/.exec((await page.getByRole('treeitem', { name: 'Source Port: ' }).textContent())!)![1]);
  expect(await marked(page)).toBe([port >> 8, port & 255].map((b) => b.toString(16).padStart(2, '0')).join(' '));
  await expect(page).toHaveURL(/at=3\.0/);

  // byte 26 is the first of the source address of IPv4 behind Ethernet
  await page.locator('[role=gridcell][data-i="26"]').click();
  await expect(page.getByRole('treeitem', { selected: true })).toHaveText(/Source Address: 10\.77\.0\.2/);
  expect(await marked(page)).toBe('0a 4d 00 02');

  // a pasted URL shows the same
  await page.goto(page.url());
  await expect(page.getByRole('treeitem', { selected: true })).toHaveText(/Source Address/);
  expect(await marked(page)).toBe('0a 4d 00 02');
  await settled(page);
  await accessible(page);
});

test('the application layer: a request line is marked in the bytes, and the list says what packets are', async ({ page, stored }) => {
  await page.goto(stored.at('/session/' + (await find(stored, 'protocols == http && http.uri == *numbers* && packets > 8')), { tab: 'packets', packet: '4' }));
  const line = 'GET /docs/numbers.txt HTTP/1.1';
  await expect(page.getByRole('row', { selected: true })).toContainText(/HTTP.*GET \/docs\/numbers\.txt HTTP\/1\.1/);
  await page.getByRole('treeitem', { name: line }).click();
  expect(Buffer.from((await marked(page)).replaceAll(' ', ''), 'hex').toString()).toBe(line + '\r\n');
  await page.keyboard.press('ArrowRight');
  await page.getByRole('treeitem', { name: 'Request URI: /docs/numbers.txt' }).click();
  expect(Buffer.from((await marked(page)).replaceAll(' ', ''), 'hex').toString()).toBe('/docs/numbers.txt');
  await expect(page.getByRole('row').filter({ hasText: 'Continuation, 1448 bytes' }).first()).toBeVisible();
  await settled(page);
  await accessible(page);
});

test('everything with the keyboard', async ({ page, stored }) => {
  await page.goto(stored.at('/session/' + (await find(stored, 'protocols == http && packets > 8'))));
  await expect(page.getByRole('slider', { name: 'Packets over time' })).toBeVisible();
  await page.keyboard.press('p');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await expect(page).toHaveURL(/packet=2/);
  await expect(page.getByRole('tree', { name: 'Decoded packet' })).toBeVisible();
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('treeitem', { selected: true })).toHaveText(/Destination Port|Source Port/);
  await page.keyboard.press('b');
  const before = await page.getByRole('treeitem', { selected: true }).textContent();
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('treeitem', { selected: true })).not.toHaveText(before!);
  await page.keyboard.press('?');
  for (const label of ['Next packet', 'Follow the stream', 'Download as pcap']) await expect(page.getByRole('dialog').getByText(label, { exact: true })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('f');
  await expect(page.getByRole('tab', { name: 'HTTP' })).toHaveAttribute('aria-selected', 'true');
});

test('the ladder goes from packet to packet and zooms', async ({ page, stored }) => {
  await page.goto(stored.at('/session/' + (await find(stored, 'protocols == http && packets > 8'))));
  const ladder = page.getByRole('slider', { name: 'Packets over time' });
  await ladder.focus();
  await ladder.press('ArrowRight');
  await expect(ladder).toHaveAttribute('aria-valuetext', /packet 1, client, \+0 ns.*SYN/);
  await ladder.press('ArrowRight');
  await expect(ladder).toHaveAttribute('aria-valuetext', /packet 2, server/);
  await ladder.press('+');
  await expect(page).toHaveURL(/zoom=/);
  await ladder.press('0');
  await expect(page).not.toHaveURL(/zoom=/);
  await ladder.press('Enter');
  await expect(page.getByRole('tab', { name: /^Packets/ })).toHaveAttribute('aria-selected', 'true');
  await page.getByRole('button', { name: 'Events' }).click();
  await expect(page.getByRole('dialog').getByRole('row')).not.toHaveCount(0);
  await expect(page.getByRole('dialog').getByRole('cell', { name: 'SYN', exact: true }).first()).toBeVisible();
});

test('the pcap holds what tshark reads in the original', async ({ page, stored }) => {
  const [s] = await stored.search('protocols == http && packets > 8', { limit: '1' });
  const r = s as unknown as { session: { id: string }; source: { port: number } };
  await page.goto(stored.at('/session/' + r.session.id));
  const folder = await mkdtemp(join(tmpdir(), 'tapir-e2e-'));
  try {
    const fields = ['-T', 'fields', '-e', 'frame.time_epoch', '-e', 'ip.src', '-e', 'tcp.seq_raw', '-e', 'tcp.flags', '-e', 'frame.len', '-e', 'tcp.payload'];
    const read = async (file: string, ...more: string[]) => (await run('tshark', ['-n', '-r', file, ...more, ...fields], { maxBuffer: 1 << 26 })).stdout;
    let original = '';
    for (const file of await captures()) original += await read(file, '-Y', `tcp.port == ${r.source.port}`);
    for (const [name, button] of [['session.pcap', 'pcap ↓'], ['session.pcapng', 'pcapng ↓']] as const) {
      const download = page.waitForEvent('download');
      await page.getByRole('link', { name: button, exact: true }).click();
      await (await download).saveAs(join(folder, name));
      const ours = await read(join(folder, name));
      expect(ours.split('\n').length).toBeGreaterThan(8);
      expect(ours).toBe(original);
    }
    const saved = page.waitForEvent('download');
    await page.goto(stored.at('/session/' + r.session.id, { tab: 'stream' }));
    await page.getByRole('link', { name: 'Save client' }).click();
    await (await saved).saveAs(join(folder, 'client.bin'));
    const payload = original.split('\n').filter((l) => l.includes('10.77.0.2')).map((l) => l.split('\t')[5] ?? '').join('');
    expect((await readFile(join(folder, 'client.bin'))).toString('hex')).toBe(payload);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** A gray PNG of one pixel. */
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==', 'base64');

/** A server over conversations made for this page: HTTP with all its codings, a talk with a hole, one that says nothing. */
const made = test.extend<object, { made: Server }>({
  made: [
    async ({}, use) => {
      const data = await newData();
      const json = gzipSync(JSON.stringify({ word: 'zebra', list: Array.from({ length: 200 }, (_, i) => i) }));
      const chunked = Buffer.concat([Buffer.from(`${json.length.toString(16)}\r\n`), json, Buffer.from('\r\n0\r\n\r\n')]);
      const c = new Capture(1_795_254_000_000_000_000n);
      c.tcp({ ip: '10.8.0.1', port: 40_001 }, { ip: '10.8.0.2', port: 80 }, [
        { from: 'client', data: Buffer.from('GET /zebra.json HTTP/1.1\r\nHost: zoo.test\r\n\r\n') },
        { from: 'server', data: Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n'), chunked]) },
        { from: 'client', data: Buffer.from('GET /zebra.png HTTP/1.1\r\nHost: zoo.test\r\n\r\n') },
        { from: 'server', data: Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: ${png.length}\r\n\r\n`), png]) },
        { from: 'client', data: Buffer.from('GET /none HTTP/1.1\r\nHost: zoo.test\r\n\r\n') },
        { from: 'server', data: Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone') },
      ]);
      c.tcp({ ip: '10.8.0.1', port: 40_002 }, { ip: '10.8.0.2', port: 7000 }, []);
      for (let i = 0; i < 25_000; i++) c.udp({ ip: '10.8.0.1', port: 40_003 }, { ip: '10.8.0.2', port: 7001 }, Buffer.from(`message ${i}`));
      const file = join(data, '..', `made-${process.pid}.pcap`);
      await c.write(file);
      await importInto(data, [file]);
      await rm(file);
      const server = await serve(data);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
});

made('the stream as HTTP, as text and as hex, searched', async ({ page, made }) => {
  await page.goto(made.at('/session/' + (await find(made, 'port == 40001')), { tab: 'stream' }));
  await expect(page.getByRole('article')).toHaveCount(6);
  await expect(page.getByRole('article').nth(1)).toContainText('"zebra"'); // gzip and chunks undone
  const picture = page.getByRole('img', { name: /Body of the response/ });
  await expect(picture).toBeVisible();
  expect(await picture.evaluate((i: HTMLImageElement) => [i.naturalWidth, new URL(i.src).pathname.split('/').at(-2)])).toEqual([1, 'bodies']);
  await settled(page);
  await accessible(page);

  await page.getByRole('tab', { name: 'Text' }).click();
  await page.getByRole('searchbox', { name: 'Search in the stream' }).fill('ZEBRA');
  await expect(page.locator('mark')).toHaveText(['zebra', 'zebra']);
  await page.keyboard.press('Enter');
  await expect(page.getByText('1 of 2')).toBeVisible();
  await expect(page).toHaveURL(/find=ZEBRA/);

  await page.getByRole('tab', { name: 'Hex' }).click();
  await page.getByRole('searchbox', { name: 'Search in the stream' }).fill('89 50 4e 47');
  await expect(page.locator('mark')).toHaveText(['89 50 4e 47', '.PNG']);
  await page.getByRole('combobox', { name: 'Side' }).selectOption('client');
  await expect(page.getByText('no match')).toBeVisible();
  await accessible(page);
});

made('transactions with their waterfall', async ({ page, made }) => {
  await page.goto(made.at('/session/' + (await find(made, 'port == 40001')), { tab: 'transactions' }));
  const table = page.getByRole('grid', { name: 'Transactions' });
  await expect(table.getByRole('row')).toHaveCount(4); // one is the header
  await expect(table.getByRole('row').nth(3)).toContainText('Error');
  await expect(table.getByText(/waiting for the response: 200 µs/).first()).toBeAttached();
  await table.getByRole('gridcell', { name: 'GET /zebra.png' }).click();
  await expect(page.getByRole('region', { name: 'HTTP' })).toContainText('/zebra.png');
  await settled(page);
  await accessible(page);
});

made('a session of many packets comes in pages', async ({ page, made }) => {
  const id = await find(made, 'port == 40003');
  await page.goto(made.at('/session/' + id, { tab: 'packets', packet: '20000' }));
  await expect(page.getByText('Packets 1–20,000 of 25,000')).toBeVisible();
  await expect(page.getByRole('row', { selected: true })).toContainText('20,000');
  await page.getByRole('button', { name: 'Later' }).click();
  await expect(page.getByText('Packets 20,001–25,000 of 25,000')).toBeVisible();
  await expect(page.getByRole('row', { selected: true })).toContainText('2.000000'); // counted from the session's beginning
  await page.goBack();
  await expect(page.getByText('Packets 1–20,000 of 25,000')).toBeVisible();
});

made('what is not there is explained', async ({ page, made, guard }) => {
  guard.allow(/status of (404|400)/);
  await page.goto(made.at('/session/' + (await find(made, 'port == 40002')), { tab: 'stream' }));
  await expect(page.getByText('Nobody said anything')).toBeVisible();
  await page.getByRole('tab', { name: 'Transactions' }).click();
  await expect(page.getByText('No transactions')).toBeVisible();
  await accessible(page);
  await page.goto(made.at('/session/vm-01ARZ3NDEKTSV4RRFFQ69G5FAV'));
  await expect(page.getByText('There is no such session')).toBeVisible();
  await accessible(page);
});

test('packets that are gone: why, and by which retention', async ({ page }) => {
  const data = await newData();
  await importInto(data, await captures());
  await rm(join(data, 'packets'), { recursive: true });
  const server = await serve(data);
  try {
    const id = await find(server, 'protocols == http && packets > 8');
    await page.goto(server.at('/session/' + id, { tab: 'packets' }));
    await expect(page.getByText(/No packet of this session is stored|have been deleted/)).toBeVisible();
    await expect(page.getByRole('tab', { name: 'Fields' })).toBeVisible();
    await page.getByRole('tab', { name: 'Stream' }).click();
    await expect(page.getByText(/No packet of this session is stored|have been deleted|HTTP message/)).toBeVisible();
    await settled(page);
    await accessible(page);
  } finally {
    await server.stop();
  }
});

test('hostile sessions are text in every view', async ({ page, traps: server, guard }) => {
  test.slow();
  guard.allow(/Failed to load resource.*bodies/); // a picture that is none
  const sessions = await server.search('port == 80', { limit: '0', columns: 'url.path' });
  const some = sessions.filter((_, i) => i % 3 === 0);
  expect(some.length).toBeGreaterThan(5);
  for (const s of some) {
    for (const view of [{ tab: 'packets', packet: '4' }, { tab: 'stream', as: 'http' }, { tab: 'stream', as: 'text' }, { tab: 'transactions' }] as Record<string, string>[]) {
      await page.goto(server.at(`/session/${s.session.id}`, view));
      await settled(page);
      await expect(page.getByRole('tabpanel')).not.toBeEmpty();
      const foreign = await page.evaluate(() => [...document.querySelectorAll('iframe, object, embed, form, script[src]:not([src^="/assets/"]), [onload], [onerror], [onmouseover], [onfocus]')].map((e) => e.outerHTML.slice(0, 200)));
      expect(foreign).toEqual([]);
      // nothing turns the direction of text, hides, or controls
      expect(await page.getByRole('tabpanel').innerText()).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069\ufeff]/);
    }
  }
});

test('Escape leads back to the results as they were left', async ({ page, stored }) => {
  await page.goto(stored.at('/', { q: 'protocols == http', from: '2026-11-21T09:00:00Z', to: '2026-11-21T10:00:00Z' }));
  await settled(page);
  const before = page.url();
  const grid = page.getByRole('grid').first();
  await grid.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('slider', { name: 'Packets over time' })).toBeVisible();
  await page.keyboard.press('p');
  await page.keyboard.press('j');
  await page.keyboard.press('f');
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(before);
  await expect(page.getByRole('row', { selected: true })).toHaveCount(1);
});
