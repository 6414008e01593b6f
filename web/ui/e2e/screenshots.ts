// `make screenshots`: a picture of every page and state. Those that the README shows go to docs/images, which is committed,
// the others to docs/images/more. They are the same each time: stored captures, a fixed range of time, fixed fonts.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { core, Exporters } from './exporters';
import { expect, recorded, settled, test as base } from './fixtures';
import { first, many } from './many';
import { top, type Server } from './tapir';
import { range as made } from './webserver';

const test = base.extend<object, { office: Server }>({
  office: [
    async ({}, use) => {
      const server = await many(250_000);
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
});

const readme = new Set(['explore', 'session']);
const looks = [
  { name: '', width: 1440, height: 900, scheme: 'light' },
  { name: '-dark', width: 1440, height: 900, scheme: 'dark' },
  { name: '-medium', width: 1000, height: 800, scheme: 'light' },
  { name: '-narrow', width: 400, height: 800, scheme: 'light' },
] as const;

const range = { from: first, to: '2026-11-21T08:06:00Z' };
const attack = { from: '2026-11-21T09:30:00Z', to: '2026-11-21T10:00:00Z' };

/** Takes the times that were measured out of a page: they differ from run to run. Gives two frames to draw what is new. */
async function steady(): Promise<void> {
  for (const e of document.querySelectorAll('[title^="Until the first rows"]')) e.textContent = 'in 96 ms';
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
}

/** Takes pictures of a page in every look: opened again for each, or as it is now. */
async function picture(page: Page, name: string, again = true): Promise<void> {
  for (const look of looks) {
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.scheme, reducedMotion: 'reduce' });
    if (again) await page.reload(); // some parts look at the width once
    await settled(page);
    await page.evaluate(steady);
    const folder = join(top, 'docs/images', readme.has(name) && look.name === '' ? '' : 'more');
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}${look.name}.png`), caret: 'hide', animations: 'disabled' });
  }
}

const explore: [string, Record<string, string>][] = [
  ['explore', { ...range, q: 'protocols == [http, tls, dns]', by: 'bytes', split: 'protocol' }],
  ['explore-transactions', { ...recorded, kind: 'transaction', by: 'errors' }],
  ['explore-table', { ...range, q: 'protocols == http | top 20 url.domain by sum(bytes)' }],
  ['explore-error', { ...range, q: 'ip.src == 10.0.0.0/8 && http.metod == GET' }],
  ['explore-nothing', { ...range, q: 'ip == 192.0.2.1' }],
  ['explore-host', { ...recorded, host: '10.77.0.1' }],
];
for (const [name, params] of explore) {
  test(name, async ({ page, office, stored, guard }) => {
    guard.allow(/status of 400/);
    await page.goto((params.from === first ? office : stored).at('/', params));
    await picture(page, name);
  });
}

test('Explore without anything stored', async ({ page, empty }) => {
  await page.goto(empty.at('/'));
  await picture(page, 'explore-empty');
});

test('Explore on hostile data', async ({ page, traps }) => {
  await page.goto(traps.at('/', { ...attack, cols: 'start,source,destination,protocol,info,user_agent.original' }));
  await picture(page, 'explore-hostile');
});

test('Explore while it searches', async ({ page, office }) => {
  let go = () => {};
  const held = new Promise<void>((done) => (go = done));
  await page.route('**/api/search**', async (route) => {
    await held;
    await route.continue().catch(() => {});
  });
  await page.goto(office.at('/', range));
  await page.getByRole('grid').waitFor();
  for (const look of looks) {
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.scheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(top, 'docs/images/more', `explore-loading${look.name}.png`), animations: 'disabled' });
  }
  go();
});

test('keys, menus, completion', async ({ page, office }) => {
  await page.goto(office.at('/', range));
  await settled(page);
  await page.keyboard.press('?');
  await picture(page, 'keys', false);
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.locator('[role=row][aria-rowindex="4"] [role=gridcell]').nth(2).click({ button: 'right' });
  await picture(page, 'explore-menu', false);
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.keyboard.type('http.', { delay: 30 });
  await picture(page, 'explore-completion', false);
});

test('the session page', async ({ page, stored }) => {
  const [http] = await stored.search('protocols == http && packets > 15 && http.uri == "*numbers*"', { limit: '1' });
  for (const [name, tab] of [['session', 'packets'], ['session-fields', ''], ['session-stream', 'stream'], ['session-transactions', 'transactions']]) {
    await page.goto(stored.at(`/session/${http.session.id}`, { ...recorded, ...(tab ? { tab } : {}), ...(tab === 'packets' ? { packet: '6' } : {}) }));
    await picture(page, name!);
  }
});

test('Network', async ({ page, empty }) => {
  test.setTimeout(240_000);
  await page.goto(empty.at('/network'));
  await picture(page, 'network-empty');
  const x = await Exporters.start();
  for (let i = 0; i < 40; i++) {
    await x.round(0.5 + 0.35 * Math.sin(i / 6));
    if (i === 9) x.core.lose(3);
    if (i === 15) x.edge.restart();
    await new Promise((done) => setTimeout(done, 1000));
  }
  await x.agents.noise('hello');
  const tabs = { network: {}, 'network-interfaces': { tab: 'interfaces' }, 'network-http': { tab: 'http' }, 'network-exporters': { tab: 'exporters', exporter: `${core}/0` }, 'network-samples': { tab: 'samples' } };
  const to = new Date();
  const range = { from: new Date(to.getTime() - 42_000).toISOString(), to: to.toISOString() };
  for (const [name, params] of Object.entries(tabs)) {
    await page.goto(x.server.at('/network', { ...range, ...params }));
    await picture(page, name);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(x.server.at('/network', range));
  await page.getByRole('region', { name: 'Paths between networks' }).scrollIntoViewIfNeeded();
  await picture(page, 'network-paths', false);
  await x.stop();
});

for (const [name, tab] of [['processes', ''], ['processes-files', 'files'], ['processes-connections', 'connections']]) {
  test(name!, async ({ page, calls }) => {
    await page.goto(calls.at('/processes', { ...made, tab: tab!, split: tab ? '' : 'protocol' }));
    await picture(page, name!);
  });
}

test('Processes without system calls, and of hostile ones', async ({ page, empty, traps }) => {
  await page.goto(empty.at('/processes'));
  await picture(page, 'processes-empty');
  await page.goto(traps.at('/processes', attack));
  await picture(page, 'processes-hostile');
});

test('system calls, and one with its data', async ({ page, calls }) => {
  await page.goto(calls.at('/', { ...made, kind: 'sysevent', q: 'proc.name == nginx', split: 'direction', by: 'bytes' }));
  await picture(page, 'calls');
  const [call] = await calls.search('proc.name == nginx and evt.is_io_write == true and fd.cport == 40002', { kind: 'sysevent', limit: '1' });
  await page.goto(calls.at('/', { ...made, kind: 'sysevent', q: 'proc.name == nginx', event: call.event.id }));
  await picture(page, 'calls-one');
});

test('Status, without a capture', async ({ page, stored }) => {
  // its disk is that of whoever takes the picture
  await page.route('**/api/status', async (route) => {
    const body = await (await route.fetch()).json();
    body.node_status.disk = { free: 612e9, total: 1000e9 };
    body.version = '1.0';
    await route.fulfill({ json: body });
  });
  await page.goto(stored.at('/status', recorded));
  await picture(page, 'status-stored');
});

test('Status, while it captures', async ({ page, stored }) => {
  let n = 0;
  await page.route('**/api/status', async (route) => {
    const body = await (await route.fetch()).json();
    body.node_status = capturing(n++);
    body.time = body.node_status.recorder.time;
    body.version = '1.0';
    await route.fulfill({ json: body });
  });
  await page.clock.install({ time: '2026-11-21T10:00:00Z' });
  await page.goto(stored.at('/status'));
  for (let i = 0; i < 119; i++) {
    await expect.poll(() => n).toBeGreaterThan(i);
    await page.clock.runFor(1000);
  }
  await picture(page, 'status', false);
});

/** A capture that has gone on for n seconds more than three hours, in bursts, and has lost something. */
function capturing(n: number) {
  const wave = (a: number, b: number) => 0.6 + 0.3 * Math.sin(n / a) + 0.1 * Math.sin(n / b);
  const bytes = 148e6 * wave(9, 2.3);
  const card = (name: string, share: number, up = true) => ({ name, link_type: 1, up, packets: Math.round(2e9 * share), bytes: 1.6e12 * share, dropped: name === 'eth1' ? 218 : 0, packets_per_second: (bytes * share) / 800, bytes_per_second: bytes * share });
  return {
    running: true,
    packets: { segments: 412, packets: 1_964_311_021, bytes: 421e9, oldest: '1795150000000000000', newest: '1795254000000000000' },
    disk: { free: 388e9, total: 1000e9 },
    retention: { packets: { seconds: 274_000, by: 'free space' }, records: { seconds: 2_592_000, by: 'age' } },
    recorder: {
      pid: 812, node: 'sensor-1', time: new Date(Date.UTC(2026, 10, 21, 10, 0, n)).toISOString(), started: '2026-11-21T06:52:00Z',
      interfaces: [card('eth1', 0.8), card('eth2', 0.2), card('eth3', 0, false)],
      packets: 1_964_311_021, bytes: 1.58e12, sessions: 41_203_332, open_flows: 184_220, transactions: 68_120_004, last_packet: '1795254000000000000',
      rates: { packets: bytes / 800, bytes, sessions: 3900 * wave(7, 3), transactions: 6400 * wave(8, 2), lost: 0, packet_disk: 40e6, record_disk: 600e3 },
      drops: { kernel: 218_401, not_stored: 0, records: 0, evicted_flows: 0, reorder_evicted: 31, fragments: 2, parser_overflow: 0, parser_panics: 0 },
      queues: [
        ...[0, 1, 2, 3].map((w) => ({ name: `packets ${w}`, unit: 'buffers', length: [3, 5, 29, 2][w]!, bound: 32, dropped: 0 })),
        { name: 'records', unit: 'bytes', length: 5.2e6, bound: 33.5e6, dropped: 0 },
        { name: 'flows', unit: 'flows', length: 184_220, bound: 6_000_000, dropped: 0 },
      ],
      limits: { packets: { max_age: 0, max_bytes: 5e11 }, records: { max_age: 2_592_000e9, max_bytes: 0 }, keep_free: 50e9 },
      deleted: [1, 2, 3].map((i) => ({ time: `2026-11-21T09:${10 * i}:04Z`, what: `packets/20261118/0${i}/w${i}-0000${i}.pcap`, bytes: 1.07e9, reason: 'size' })),
    },
  };
}

test('Status, with a mirror', async ({ page, stored }) => {
  let n = 0;
  await page.route('**/api/status', async (route) => {
    const body = await (await route.fetch()).json();
    body.node_status.disk = { free: 612e9, total: 1000e9 };
    body.node_status.mirror = mirroring(n++);
    body.time = body.node_status.mirror.time;
    body.version = '1.0';
    await route.fulfill({ json: body });
  });
  await page.clock.install({ time: '2026-11-21T10:00:00Z' });
  await page.goto(stored.at('/status'));
  for (let i = 0; i < 2; i++) {
    await expect.poll(() => n).toBeGreaterThan(i);
    await page.clock.runFor(1000);
  }
  await page.getByRole('region', { name: 'Mirror' }).scrollIntoViewIfNeeded();
  await picture(page, 'status-mirror', false);
});

/** A mirror with most of what rules can say, n seconds after three hours; bytes are a second's. */
function mirroring(n: number) {
  const counts = (bytes: number) => ({ packets: Math.round((bytes / 800) * (10_800 + n)), bytes: bytes * (10_800 + n) });
  const source = (name: string, bytes: number, more = {}) => ({ name, present: true, state: 'up', how: 'tcx', broken: 0, ...counts(bytes), ...more });
  const output = (name: string, bytes: number, more = {}) => ({ name, present: true, state: 'up', ...counts(bytes), truncated: 0, errors: 0, away: 0, too_big: 0, capped: 0, dropped: 0, device_dropped: 0, device_errors: 0, ...more });
  const rule = (from: string[], options: string, outputs: { packets: number; bytes: number }[], more = {}) => ({ from, options, packets: outputs[0]!.packets, bytes: outputs[0]!.bytes, filtered: 0, unsampled: 0, outputs, ...more });
  return {
    pid: 814, started: '2026-11-21T07:00:00Z', time: new Date(Date.UTC(2026, 10, 21, 10, 0, n)).toISOString(), persist: false, pass: false, mode: 'auto',
    sources: [source('eth1', 120e6, { how: 'tcx + xdp skb', probed: 'tc 2888 ns, xdp skb 2210 ns a packet' }), source('eth4', 30e6), source('eth8', 0, { present: false, state: 'vanished', how: '' })],
    rules: [
      rule(['eth1'], '', [output('eth2', 120e6), output('eth3', 120e6, { too_big: 218 })]),
      rule(['eth1', 'eth4'], 'filter "tcp port 443", sample 1:10, truncate 128', [output('eth5', 4e6, { truncated: 300_021 })], { filtered: 90_131_203, unsampled: 2_003_112 }),
      rule(['eth4'], 'balance, strip tags, tag 100', [output('eth6', 16e6), output('eth7', 0, { present: false, state: 'down', away: 40_211 }), output('eth5', 2e6)]),
      rule(['eth1', 'eth8'], '', [output('vxlan:192.0.2.9:7', 12e6, { port: 4789, rate: 100e6, capped: 1_203_311 }), output('tapir', 120e6, { device_dropped: 3 })]),
    ],
  };
}
