// A million rows: counted, scrolled to their end, and smooth under way.
import { cpus, loadavg } from 'node:os';
import { expect, settled, test as base } from './fixtures';
import { first, many } from './many';
import type { Server } from './tapir';

const rows = 1_000_000;
const frame = 32; // ms that no frame may take

const test = base.extend<object, { million: Server }>({
  million: [
    async ({}, use) => {
      const server = await many(rows);
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

test('a million rows scroll without a stutter', async ({ page, million }) => {
  test.setTimeout(90_000);
  test.skip(loadavg()[0]! > 2 * cpus().length, 'others keep this machine busy: frames say nothing');
  await page.goto(million.at('/', { from: first, to: '2026-11-21T09:00:00Z' }));
  const grid = page.getByRole('grid');
  await expect(grid).toHaveAttribute('aria-rowcount', String(rows + 1), { timeout: 20_000 });
  await settled(page);

  // All frames of three seconds of scrolling. The best of a few tries counts: what else the machine does is not the page's.
  let longest = Infinity;
  for (let i = 0; i < 5 && longest >= frame; i++) {
    const times = await grid.evaluate(async (box) => {
      const out: number[] = [];
      box.scrollTop = 0;
      await new Promise(requestAnimationFrame);
      let last = await new Promise<number>(requestAnimationFrame);
      for (let n = 0; n < 180; n++) {
        // px: a wheel; a page key that is held, which repeats 30 times a second; a scrollbar that is dragged
        box.scrollTop += n < 60 ? 40 : n < 120 ? (n % 2) * 650 : 20_000;
        const now = await new Promise<number>(requestAnimationFrame);
        out.push(now - last);
        last = now;
      }
      return out.sort((a, b) => a - b);
    });
    longest = Math.min(longest, times.at(-1)!);
    console.log(`frames: median ${times[90]!.toFixed(1)}, 95 of 100 below ${times[171]!.toFixed(1)}, longest ${times.at(-1)!.toFixed(1)} ms`);
  }
  expect(longest).toBeLessThan(frame);
});

test('the last of a million rows is reached at once', async ({ page, million }) => {
  await page.goto(million.at('/', { from: first, to: '2026-11-21T09:00:00Z' }));
  const grid = page.getByRole('grid');
  await expect(grid).toHaveAttribute('aria-rowcount', String(rows + 1), { timeout: 20_000 });
  await grid.focus();
  const began = Date.now();
  await page.keyboard.press('End');
  const last = page.locator(`[role=row][aria-rowindex="${rows + 1}"]`);
  await expect(last).toContainText('08:00:00');
  console.log(`last row after ${Date.now() - began} ms`);
});
