// Captures that are dropped on the window.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { accessible, expect, settled, test as base } from './fixtures';
import { prepare } from './many';
import { newData, serve, tapir, top, type Server } from './tapir';

const test = base.extend<{ fresh: Server }>({
  fresh: async ({ page }, use) => {
    const data = await newData();
    await prepare(data);
    const server = await serve(data);
    await use(server);
    await page.close(); // before its server goes
    await server.stop();
  },
});

const capture = join(top, 'testdata/nginx.pcap');

/** Drops a file on the page, as a file manager would. */
async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  const data = await page.evaluateHandle(
    ([name, base64]) => {
      const out = new DataTransfer();
      out.items.add(new File([Uint8Array.from(atob(base64!), (c) => c.charCodeAt(0))], name!));
      return out;
    },
    [name, bytes.toString('base64')],
  );
  for (const type of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('body', type, { dataTransfer: data });
}

test('a dropped capture is imported, and its time range opened', async ({ page, fresh }) => {
  const lines = (await tapir('read', '--json', '--kind', 'session', capture)).trim().split('\n');
  await page.goto(fresh.at('/status'));
  await drop(page, 'nginx.pcap', await readFile(capture));
  const panel = page.getByRole('region', { name: 'Import' });
  await expect(panel).toContainText(`${lines.length} sessions`);
  await expect(page).toHaveURL(/from=2026-11-21T09:38:.*to=2026-11-21T/);
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', String(lines.length + 1));
  await settled(page);
  await accessible(page);
  await panel.getByRole('button', { name: 'Close' }).click();
  await expect(panel).toBeHidden();
});

test('what is no capture is refused with the reason', async ({ page, fresh, guard }) => {
  guard.allow(/status of 400/);
  await page.goto(fresh.at('/'));
  await drop(page, 'photo.png', Buffer.from('\x89PNG\r\n\x1a\n'.repeat(20), 'latin1'));
  await expect(page.getByRole('region', { name: 'Import' })).toContainText(/capture/);
  expect((await fresh.search('')).length).toBe(0);
});

test('what is too large is not sent', async ({ page, fresh }) => {
  let sent = false;
  await page.route('**/api/import**', () => (sent = true));
  await page.route('**/api/status', async (route) => {
    const body = await (await route.fetch()).json();
    body.can.import_bytes = 1000;
    await route.fulfill({ json: body });
  });
  await page.goto(fresh.at('/'));
  await drop(page, 'nginx.pcap', await readFile(capture));
  await expect(page.getByRole('region', { name: 'Import' })).toContainText('more than the 1 kB that the server takes; run: tapir import nginx.pcap');
  expect(sent).toBe(false);
});

test('Cancel hangs up', async ({ page, fresh }) => {
  await page.route('**/api/import**', () => {}); // never answered
  await page.goto(fresh.at('/'));
  const failed = page.waitForEvent('requestfailed', (r) => r.url().includes('/api/import'));
  await drop(page, 'nginx.pcap', await readFile(capture));
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('region', { name: 'Import' })).toContainText('cancelled');
  await failed;
});
