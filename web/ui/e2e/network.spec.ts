// Page Network over real datagrams: switches and a web server send sFlow to a collector, and one of their connections was recorded.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { core, edge, Exporters, known, web } from './exporters';
import { accessible, expect, settled, test as base } from './fixtures';
import { Capture } from './packets';
import { importInto, newData, serve } from './tapir';

const rounds = 6;

const test = base.extend<object, { told: Exporters }>({
  told: [
    async ({}, use) => {
      const data = await newData();
      const folder = await mkdtemp(join(tmpdir(), 'tapir-e2e-'));
      await new Capture(BigInt(Date.now()) * 1_000_000n).tcp(known.client, known.server, [{ from: 'client', data: Buffer.from('hello') }]).write(join(folder, 'known.pcap'));
      await importInto(data, [join(folder, 'known.pcap')]);
      await rm(folder, { recursive: true });
      const x = await Exporters.start(data);
      for (let i = 0; i < rounds; i++) await x.round();
      await x.core.lose(3).packet(known.server, known.client, 1518, 2, 1, 2).send();
      await x.edge.restart().send();
      await x.agents.noise('hello');
      await x.stored(`observer.ip == ${web}`, rounds * 8);
      await x.stored('sflow.type == event', 4);
      await use(x);
      await x.stop();
    },
    { scope: 'worker' },
  ],
});

const now = { from: '-15m' };
const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const rowsOf = async (page: Page, name: string) => (await page.getByRole('table', { name, exact: true }).locator('tbody').getByRole('row').allInnerTexts()).map((t) => t.split(/\s*\t\s*/));

async function open(page: Page, x: Exporters, params: Record<string, string> = {}): Promise<void> {
  await page.goto(x.server.at('/network', { ...now, ...params }));
  await settled(page);
}

/** A table of the API over the samples. */
async function asked(x: Exporters, params: Record<string, string>): Promise<{ keys: string[]; values: number[] }[]> {
  return (await (await x.server.api('/api/aggregate', { kind: 'sample', ...now, ...params })).json()).rows;
}

/** Bytes as the page writes them. */
const size = (bytes: number) => (bytes >= 1e9 ? [bytes / 1e9, 'GB'] : bytes >= 1e6 ? [bytes / 1e6, 'MB'] : [bytes / 1e3, 'kB']) as [number, string];
const bytesText = (bytes: number) => {
  const [n, unit] = size(bytes);
  return `${Number(n.toPrecision(3))} ${unit}`;
};

test('talkers and protocols are scaled, with their margins, and narrow the page', async ({ page, told }) => {
  await open(page, told);
  await accessible(page);
  await expect(page.getByRole('status', { name: 'Coverage' })).toContainText('sampled 1:10 to 1:1,000');
  const top = await asked(told, { q: 'network.bytes == EXISTS!', by: 'source.ip', metric: 'sum(network.bytes),count', top: '12' });
  const shown = await rowsOf(page, 'Top talkers');
  expect(shown.map((r) => r[0])).toEqual(top.map((r) => r.keys[0]));
  expect(shown[0]).toContain(bytesText(top[0]!.values[0]!));
  expect(Number(/±([\d.]+) %/.exec(shown[0]!.at(-1)!)![1])).toBeCloseTo(196 / Math.sqrt(top[0]!.values[1]!), -0.5);

  // https is what came to port 443 and what came from there
  const https = (await asked(told, { q: 'network.bytes == EXISTS! && port == 443', metric: 'sum(network.bytes)' }))[0]!.values;
  const protocols = await rowsOf(page, 'Protocols');
  expect(protocols.find((r) => r[0] === 'tcp 443 https')).toContain(bytesText(https[0]!));
  expect(protocols.map((r) => r[0])).toEqual(expect.arrayContaining(['tcp 25 smtp', 'tcp 53 dns']));

  await page.getByRole('button', { name: '10.30.0.80', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Filter for this value' }).click();
  await expect(page).toHaveURL(/network\?.*q=source\.ip\+%3D%3D\+10\.30\.0\.80/);
  await settled(page);
  expect((await rowsOf(page, 'Top talkers')).map((r) => r[0])).toEqual(['10.30.0.80']);
  await page.getByRole('button', { name: 'Receivers' }).click();
  await expect(page).toHaveURL(/rank=destinations/);
  await settled(page);
  expect((await rowsOf(page, 'Top talkers'))[0]![0]).toMatch(/^10\.20\./);
  await page.goBack();
  await settled(page);
  expect((await rowsOf(page, 'Top talkers')).length).toBeGreaterThan(1);
});

test('paths between networks are drawn, joined otherwise, and lead on', async ({ page, told }) => {
  await open(page, told);
  const drawing = page.getByRole('group', { name: /^Paths between networks/ });
  const all = await asked(told, { q: 'network.bytes == EXISTS!', by: 'source.ip,observer.ip,destination.ip', metric: 'sum(network.bytes)' });
  const sums = new Map<string, number>();
  const net = (ip: string) => ip.split('.').slice(0, 2).join('.') + '.0.0/16';
  for (const r of all) {
    const path = `${net(r.keys[0]!)} → ${r.keys[1]} → ${net(r.keys[2]!)}`;
    sums.set(path, (sums.get(path) ?? 0) + r.values[0]!);
  }
  const want = [...sums].sort((a, b) => b[1] - a[1]);
  expect(await drawing.locator('a.path').first().getAttribute('aria-label')).toBe(`${want[0]![0]}: ${bytesText(want[0]![1])}`);
  expect(await drawing.locator('a.path').count()).toBe(want.length);
  expect((await rowsOf(page, 'Paths')).map((r) => r[0])).toEqual(want.slice(0, 8).map(([path]) => path));
  const heights = await drawing.locator('rect').evaluateAll((l) => l.map((r) => r.getBoundingClientRect().height));
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(1);

  await page.getByRole('button', { name: 'Paths join: Networks /16' }).click();
  await page.getByRole('menuitemcheckbox', { name: /^Interfaces/ }).click();
  await expect(page).toHaveURL(/paths=interface/);
  await settled(page);
  await expect(drawing.getByRole('link', { name: /^interface 2 of 192\.0\.2\.1:/ }).first()).toBeVisible();
  await accessible(page);
  await drawing.getByRole('link', { name: new RegExp(`^${edge.replaceAll('.', '\\.')}: `) }).click();
  await expect(page).toHaveURL(/q=observer\.ip\+%3D%3D\+192\.0\.2\.2/);
  await settled(page);
  await expect(drawing.locator('a.path')).toHaveCount(1);
});

test('interfaces show their rates against their speed', async ({ page, told }) => {
  await open(page, told, { tab: 'interfaces' });
  await accessible(page);
  const table = page.getByRole('table', { name: 'Interfaces' });
  await expect(table.getByRole('link')).toHaveText(['uplink', 'rack-7', 'access', 'servers']); // the fullest first
  const row = table.getByRole('row', { name: /^uplink/ });
  await expect(row).toContainText('1 Gb/s');
  await expect(row).toContainText(/4[12](\.\d)? %/); // 525 MB in 10 s and what datagrams took
  await expect(page.getByRole('img', { name: /^uplink of 192\.0\.2\.1 over time: In up to 4\d\d Mb\/s, Out up to 1[12]\d Mb\/s/ })).toBeVisible();
  await table.getByRole('link', { name: 'rack-7' }).click();
  await expect(page).toHaveURL(/port=192\.0\.2\.2\/3/);
  await expect(page.getByRole('img', { name: /^rack-7 of 192\.0\.2\.2 over time/ })).toBeVisible();
  await page.getByRole('checkbox', { name: 'up to its speed' }).check();
  await settled(page);
  await accessible(page);
});

test('requests by host and by status', async ({ page, told }) => {
  await open(page, told, { tab: 'http' });
  await accessible(page);
  const hosts = await asked(told, { q: 'http.request.method == EXISTS!', by: 'url.domain', metric: 'sum(sflow.weight),count' });
  const shown = await rowsOf(page, 'Hosts');
  expect(shown.map((r) => r[0])).toEqual(hosts.map((r) => r.keys[0]));
  expect(shown.map((r) => r[1])).toEqual(hosts.map((r) => String(r.values[0])));
  const failed = await asked(told, { q: `http.response.status_code >= 400 && url.domain == ${hosts[0]!.keys[0]}`, metric: 'sum(sflow.weight)' });
  expect(parseFloat(shown[0]![2]!)).toBeCloseTo((100 * failed[0]!.values[0]!) / hosts[0]!.values[0]!, 0);
  expect((await rowsOf(page, 'Status')).map((r) => r[0]).sort()).toEqual(['200', '304', '404', '503']);
  await page.getByRole('button', { name: '503', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Filter for this value' }).click();
  await settled(page);
  expect((await rowsOf(page, 'Status')).map((r) => r[0])).toEqual(['503']);
});

test('the ledger says who sent what, and what was lost', async ({ page, told }) => {
  await open(page, told);
  await page.getByRole('link', { name: /3 exporters up · 3 datagrams lost · 2 samples lost · 1 decode error/ }).click();
  await expect(page).toHaveURL(/tab=exporters/);
  await settled(page);
  await accessible(page);
  const of = async (name: string) => {
    const row = page.getByRole('table', { name: 'Exporters' }).getByRole('row', { name });
    return (await row.getByRole('cell').allInnerTexts()).map((t) => t.split('\n')[0]);
  };
  const { exporters } = await (await told.server.api('/api/exporters')).json();
  const core1 = exporters.find((e: { agent: string }) => e.agent === core);
  // state, last, datagrams, lost, in socket, samples, samples lost, agent drops, errors, restarts
  expect((await of(`▸ ${core} `)).slice(2, 10)).toEqual([String(core1.datagrams), '3', '0', String(core1.samples), '2', '0', '0', '0']);
  expect((await of(`${edge} from`)).slice(3, 10)).toEqual(['0', '0', expect.any(String), '0', '0', '0', '1']);
  expect((await of('not told apart')).slice(8, 9)).toEqual(['1']);
  await expect(page.getByRole('table', { name: 'Events' })).toContainText(/192\.0\.2\.2\s*restart/);

  await page.getByRole('button', { name: `▸ ${core}` }).click();
  await expect(page).toHaveURL(/exporter=192\.0\.2\.1\/0/);
  await expect(page.getByRole('row', { name: /uplink flow, 1:1,000/ })).toContainText(/stands for [\d.]+ k packets ±[\d.]+ %/);
  await accessible(page);
});

test('a sample leads to the sessions of its 5-tuple', async ({ page, told }) => {
  await open(page, told, { tab: 'samples', q: `source.ip == ${known.server.ip} && port == ${known.client.port}` });
  const list = page.getByRole('grid', { name: 'Samples' });
  await expect(list.getByRole('row')).toHaveCount(2); // one is the header
  await expect(list).toContainText('servers → uplink');
  await expect(list).toContainText('1:3,000'); // and for the two that were lost before it
  await accessible(page);
  await expect(list.getByRole('link', { name: '1 session' })).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/\?q=network\.community_id.*bounding=either/);
  await settled(page);
  const sessions = page.getByRole('grid', { name: 'Sessions' });
  await expect(sessions.getByRole('row')).toHaveCount(2);
  await expect(sessions).toContainText(`${known.client.ip}:${known.client.port}`);
  // one that nobody recorded says so
  await page.goBack();
  await page.goBack();
  await open(page, told, { tab: 'samples', q: `observer.ip == ${web}` });
  await expect(list.getByText('none').first()).toBeVisible();
  await expect(list.getByText(/GET [\w.]+\/item/).first()).toBeVisible();
});

test('the keyboard, the time range and the expression', async ({ page, told, guard }) => {
  guard.allow(/status of 400/);
  await page.goto(told.server.at('/', now));
  await settled(page);
  await page.keyboard.press('g');
  await page.keyboard.press('n');
  await expect(page).toHaveURL(/\/network\?from=-15m/);
  await settled(page);
  const box = (await page.locator('.u-over').boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + 20, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=20\d\d-/);
  await settled(page);
  await page.keyboard.press('t');
  await page.getByRole('button', { name: 'All that is stored' }).click();
  await expect(page).not.toHaveURL(/from=/);
  await page.keyboard.press('/');
  await page.keyboard.type('sorce.ip == 10.0.0.1');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'The expression is not right' })).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: 'source.ip', exact: true }).first().click();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'No sample passes this expression' })).toBeVisible();
  await page.getByRole('button', { name: 'Remove the expression' }).click();
  await expect(region(page, 'Traffic')).toBeVisible();
});

test('on a narrow window nothing is cut off', async ({ page, told }) => {
  await page.setViewportSize({ width: 400, height: 800 });
  for (const tab of ['', 'interfaces', 'http', 'exporters', 'samples']) {
    await open(page, told, { tab });
    expect(await page.evaluate(() => document.documentElement.scrollWidth), tab).toBeLessThanOrEqual(400);
    expect(await page.locator('main').evaluate((m) => m.scrollWidth - m.clientWidth), tab).toBeLessThanOrEqual(0);
  }
});

test('without samples it says why and what to do', async ({ page, empty }) => {
  await page.goto(empty.at('/network'));
  await expect(page.getByRole('heading', { name: 'Nothing was collected yet' })).toBeVisible();
  await expect(page.getByText('tapir sflow collect -p 6343', { exact: true })).toBeVisible();
  await expect(page.getByText('no collector runs')).toBeVisible();
  await settled(page);
  await accessible(page);
});

test('a collector that has ended left its ledger', async ({ page }) => {
  const x = await Exporters.start();
  await x.round();
  await x.core.lose(4).send();
  await x.stored(`observer.ip == ${web}`, 8);
  x.agents.close();
  await x.server.stop(true);
  const server = await serve(x.server.data);
  try {
    await page.goto(server.at('/network', { tab: 'exporters' }));
    await expect(page.getByText('the collector has ended')).toBeVisible();
    const row = page.getByRole('row', { name: `▸ ${core} ` });
    await expect(row).toContainText('down');
    await expect(row.getByRole('cell').nth(3)).toContainText('4');
    await page.goto(server.at('/network', { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' }));
    await expect(page.getByText('No collector runs on this data directory now.')).toBeVisible();
    await page.getByRole('button', { name: 'Show all that is stored' }).click();
    await expect(region(page, 'Top talkers')).toBeVisible();
    await settled(page);
  } finally {
    await server.stop();
  }
});
