// `make screenshots`: a picture of every page and state. Those that the README shows go to docs/images, which is committed,
// the others to docs/images/more. They are the same each time: stored captures, a fixed range of time, fixed fonts.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { recorded, settled, test } from './fixtures';
import { top } from './tapir';

const shown = new Set(['explore', 'session']); // in the README
const looks = [
  { name: '', width: 1440, height: 900, scheme: 'light' },
  { name: '-dark', width: 1440, height: 900, scheme: 'dark' },
  { name: '-medium', width: 1000, height: 800, scheme: 'light' },
  { name: '-narrow', width: 400, height: 800, scheme: 'light' },
] as const;

/** Takes pictures of what a page shows now, in every look. */
async function picture(page: Page, name: string): Promise<void> {
  for (const look of looks) {
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.scheme, reducedMotion: 'reduce' });
    await settled(page);
    const folder = join(top, 'docs/images', shown.has(name) && look.name === '' ? '' : 'more');
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}${look.name}.png`), caret: 'hide', animations: 'disabled' });
  }
}

test('Status, without a capture', async ({ page, stored }) => {
  await page.goto(stored.at('/status', recorded));
  await picture(page, 'status-stored');
});
