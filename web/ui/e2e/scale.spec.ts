// A million rows: counted, scrolled to their end, and smooth under way.
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

test.fixme('a million rows scroll without a stutter', async ({ page, million }) => {
  test.setTimeout(90_000);
  await page.goto(million.at('/', { from: first, to: '2026-11-21T09:00:00Z' }));
  const grid = page.getByRole('grid');
  await expect(grid).toHaveAttribute('aria-rowcount', String(rows + 1), { timeout: 20_000 });
  await settled(page);

  // All frames of three seconds of scrolling at different speeds. A machine that is busy with other tests may be late once.
  const tries = 3;
  let worst = Infinity;
  for (let i = 0; i < tries && worst >= frame; i++) {
    const times = await grid.evaluate(async (box) => {
      const out: number[] = [];
      box.scrollTop = 0;
      await new Promise(requestAnimationFrame);
      let last = await new Promise<number>(requestAnimationFrame);
      for (let n = 0; n < 180; n++) {
        box.scrollTop += n < 60 ? 40 : n < 120 ? 700 : 20_000; // px: a wheel, a page key that is held, a dragged scrollbar
        const now = await new Promise<number>(requestAnimationFrame);
        out.push(now - last);
        last = now;
      }
      return out;
    });
    worst = Math.min(worst, Math.max(...times));
    const sorted = times.toSorted((a, b) => a - b);
    console.log(`frames: median ${sorted[90]!.toFixed(1)}, 99th of 100 ${sorted[178]!.toFixed(1)}, longest ${sorted[179]!.toFixed(1)} ms`);
  }
  expect(worst).toBeLessThan(frame);
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
