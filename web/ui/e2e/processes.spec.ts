// The page Processes on the calls and packets of webserver.ts: what programs did, the way down to each call, and across to the sessions.
import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { accessible, expect, settled, test } from './fixtures';
import type { Server } from './tapir';
import { client, curl, nginx, range } from './webserver';

const open = async (page: Page, server: Server, params: Record<string, string> = {}) => {
  await page.goto(server.at('/processes', { ...range, ...params }));
  await settled(page);
};
const grid = (page: Page, name = 'Processes') => page.getByRole('grid', { name });
/** The cells of the row that has a text, by their column. */
const cells = async (page: Page, text: string, name = 'Processes') => {
  const heads = await grid(page, name).getByRole('columnheader').allInnerTexts();
  const row = grid(page, name).getByRole('row').filter({ hasText: text });
  await expect(row).toHaveCount(1);
  const texts = await row.getByRole('gridcell').allInnerTexts();
  return Object.fromEntries(heads.map((h, i) => [h.replace(/[▾▴]/, '').trim(), texts[i]!.trim()]));
};

test('processes with what they did, added up by the server', async ({ page, calls }) => {
  const asked: string[] = [];
  page.on('request', (r) => r.url().includes('/api/aggregate') && r.url().includes('proc.pid') && asked.push(r.url()));
  await open(page, calls);
  expect(asked).toHaveLength(1); // one aggregation
  expect(await cells(page, 'nginx')).toEqual({ PID: '812', Process: 'nginx', Container: 'web-1', CPU: '1 %', 'File read': '1.57 kB', 'File written': '–', 'Net received': '4.04 kB', 'Net sent': '4.86 kB', Calls: '465', 'Calls/s': '16/s', Errors: '15' });
  expect(await cells(page, 'systemd-journal')).toMatchObject({ Container: 'host', CPU: '–', 'File written': '200 kB', Errors: '–' });
  await expect(grid(page).getByRole('row')).toHaveCount(7); // of them one is the head; the idle task is no process
  await expect(page.getByRole('status', { name: 'Coverage' })).toContainText('complete');
  await accessible(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await accessible(page, 'color-contrast');
});

test('sorted by a column, which stands in the URL', async ({ page, calls }) => {
  await open(page, calls);
  const first = grid(page).getByRole('row').nth(1);
  await page.getByRole('button', { name: 'File written' }).click();
  await expect(page).toHaveURL(/order=written:desc/);
  await expect(first).toContainText('systemd-journal');
  await page.getByRole('button', { name: 'PID' }).click();
  await expect(first).toContainText('301');
  await page.getByRole('button', { name: 'PID' }).click();
  await expect(first).toContainText('4711');
  await page.reload();
  await expect(first).toContainText('4711');
});

test('with the keyboard to the calls of a process, and back', async ({ page, calls }) => {
  await page.goto(calls.at('/', range));
  await settled(page);
  await page.keyboard.press('g');
  await page.keyboard.press('p');
  await expect(page).toHaveURL(/\/processes\?from=/);
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/\?q=proc\.pid\+%3D%3D\+812.*kind=sysevent/);
  const list = grid(page, 'System calls');
  const [newest] = await calls.search(`proc.pid == ${nginx.pid}`, { kind: 'sysevent', limit: '1' });
  await expect(list.getByRole('row').nth(1)).toContainText(newest.evt.type);
  await expect(page.locator('.bar .count')).toContainText('525'); // 465 calls and 60 switches of the scheduler
  await page.goBack();
  await expect(grid(page).locator('[aria-selected=true]')).toContainText('nginx');
});

test('a call opens with its data as text and as hex, byte for byte', async ({ page, calls }) => {
  await page.goto(calls.at('/', { ...range, kind: 'sysevent', q: `proc.pid == ${nginx.pid} and evt.is_io_write = true and fd.cport == 40002` }));
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/event=sensor-1-/);
  const drawer = page.getByRole('dialog', { name: 'nginx (812) write' });
  const data = drawer.getByRole('region', { name: 'Data' });
  await expect(data.getByRole('tab', { name: 'Text' })).toHaveAttribute('aria-selected', 'false'); // it holds a picture
  await expect(data.locator('pre')).toContainText('0000  48 54 54 50 2f 31 2e 31  20 32 30 30 20 4f 4b 0d  HTTP/1.1 200 OK.');
  await expect(data.locator('pre')).toContainText('89 50 4e 47');
  await data.getByRole('tab', { name: 'Text' }).click();
  await expect(data.locator('pre')).toContainText('Content-Length: 33');
  await expect(page).toHaveURL(/as=text/);
  const download = page.waitForEvent('download');
  await data.getByRole('button', { name: 'Save' }).click();
  const bytes = await readFile(await (await download).path());
  expect(bytes.indexOf(Buffer.from('89504e470d0a1a0a', 'hex'))).toBeGreaterThan(0);
  await accessible(page);
  await drawer.getByRole('link', { name: 'Its process' }).click();
  await expect(page).toHaveURL(/q=proc\.pid\+%3D%3D\+812\+%26%26\+proc\.name/);
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await expect(page).not.toHaveURL(/event=/);
});

test('the files of a process, and the calls on one', async ({ page, calls }) => {
  await open(page, calls);
  await grid(page).getByRole('row').filter({ hasText: 'postgres' }).getByRole('gridcell').nth(1).click();
  await page.keyboard.press('f');
  await expect(page).toHaveURL(/tab=files/);
  await settled(page);
  expect(await cells(page, '/2619', 'Files')).toMatchObject({ File: '/var/lib/postgresql/base/16384/2619', Read: '123 kB', Calls: '45', Processes: '1' });
  await expect(grid(page, 'Files').getByRole('row')).toHaveCount(2);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/kind=sysevent/);
  await expect(page.locator('.bar .count')).toContainText('45');
  await page.goBack();
  await expect(grid(page, 'Files')).toBeVisible(); // the key is for this page
  await page.keyboard.press('Escape');
  await expect(grid(page)).toBeVisible();
});

test('the connections of a process, its session, and from there the calls of both ends', async ({ page, calls }) => {
  await open(page, calls, { q: 'proc.name == curl' });
  await page.keyboard.press('j');
  await page.keyboard.press('n');
  await settled(page);
  expect(await cells(page, '51512', 'Connections')).toMatchObject({ Client: `${client.ip}:51512`, Server: '10.20.0.9:8080', Transport: 'tcp', Received: '75 B', Sent: '64 B' });
  await accessible(page);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const sessions = grid(page, 'Sessions');
  await expect(sessions.getByRole('row')).toHaveCount(2);
  await expect(sessions.getByRole('row').nth(1)).toContainText('GET shop.test /orders');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/session\//);
  await page.getByRole('link', { name: 'System calls 8' }).click();
  const events = grid(page, 'System calls');
  await expect(events.getByRole('row')).toHaveCount(9);
  await expect(events).toContainText(`curl ${curl.pid}`);
  await expect(events).toContainText(`nginx ${nginx.pid}`);
});

test('values filter here, and the timeline shows what passes', async ({ page, calls }) => {
  await open(page, calls);
  await grid(page).getByRole('row').filter({ hasText: 'cron' }).getByRole('gridcell').nth(1).click({ button: 'right' });
  await page.getByRole('menuitem', { name: /Filter for this value/ }).click();
  await expect(page).toHaveURL(/\/processes\?q=proc\.name\+%3D%3D\+cron/);
  await expect(grid(page).getByRole('row')).toHaveCount(2);
  await page.getByRole('button', { name: /Chart: System calls/ }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Errors' }).or(page.getByRole('menuitem', { name: 'Errors' })).click();
  await expect(page.getByRole('region', { name: 'Timeline' })).toContainText('Errors');
  await expect(page.getByRole('img', { name: 'Errors over time: 10 in' })).toBeVisible();
});

test('it says why there is nothing', async ({ page, calls, stored, empty, guard }) => {
  guard.allow(/status of 400/);
  await page.goto(empty.at('/processes'));
  await expect(page.getByText('No system calls are stored yet')).toBeVisible();
  await expect(page.getByText('sudo tapir sys record')).toBeVisible();
  await accessible(page);
  await page.goto(stored.at('/processes'));
  await expect(page.getByText('No system calls are stored yet')).toBeVisible();
  await page.goto(calls.at('/processes', { from: '2026-11-21T07:00:00Z', to: '2026-11-21T08:00:00Z' }));
  await page.getByRole('button', { name: 'Show all that is stored' }).click();
  await expect(grid(page)).toBeVisible();
  await page.goto(calls.at('/processes', { ...range, q: 'proc.nam == x' }));
  await page.getByRole('tabpanel').getByRole('button', { name: 'proc.name' }).click();
  await page.keyboard.press('Enter');
  await expect(page.getByText('No system call passes this expression')).toBeVisible();
  await page.goto(calls.at('/processes', { ...range, q: 'proc.name == sshd', tab: 'connections' }));
  await expect(page.getByText('none of them is on a connection')).toBeVisible();
  await page.getByRole('button', { name: 'Show the processes' }).click();
  await expect(grid(page)).toContainText('sshd');
});

test('what is stored comes into the table while it is live', async ({ page, calls }) => {
  await open(page, calls, { live: '1' });
  await expect(grid(page)).toContainText('nginx');
  const asked = page.waitForRequest((r) => r.url().includes('proc.pid'), { timeout: 10_000 });
  await asked;
  await page.keyboard.press('l');
  await expect(page).not.toHaveURL(/live/);
});
