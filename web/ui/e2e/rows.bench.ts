// How long the first rows take after Enter, on five million sessions. The bar is 300 ms.
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures';
import { many } from './many';

const bar = 300; // ms
const rounds = 5;
const queries = ['*', 'protocols == http', 'http.method == GET && http.statuscode >= 500', 'ip.src == 10.1.0.0/16 && port.dst == 443', 'host == *.example.org', 'bytes > 100kB'];

/** Types an expression in place of the one that is there. */
async function type(page: Page, q: string) {
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type(q);
  await page.keyboard.press('Escape'); // completions
}

/**
 * Asks and gives the ms from the key to the first frame with the first row of another answer. The page itself takes the time and tells it:
 * a script that asks meanwhile would be in the way.
 */
async function ask(page: Page, q: string): Promise<number> {
  await type(page, q);
  await page.waitForTimeout(500); // the expression is checked while it is typed
  await page.evaluate(() => {
    const row = () => document.querySelector('[role=row][aria-rowindex="2"]')?.textContent ?? '';
    const before = row();
    let began = 0;
    addEventListener('keydown', () => (began = performance.now()), { capture: true, once: true });
    (window as unknown as { took: Promise<number> }).took = new Promise((done) => {
      const o = new MutationObserver(() => {
        const now = row();
        if (!began || !now || now === before || now.includes('…')) return;
        o.disconnect();
        requestAnimationFrame(() => done(performance.now() - began));
      });
      o.observe(document.querySelector('main')!, { subtree: true, childList: true, characterData: true });
    });
  });
  const took = page.evaluate(() => (window as unknown as { took: Promise<number> }).took);
  await page.keyboard.press('Enter');
  return took;
}

test('first rows of five million', async ({ page }) => {
  const server = await many(5_000_000);
  try {
    await page.goto(server.at('/'));
    await expect(page.locator('[role=row][aria-rowindex="2"]')).toBeVisible();
    const medians: number[] = [];
    for (const q of queries) {
      const took: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await ask(page, `port == ${40_000 + round}`); // another answer, so that the next is seen to come
        await page.waitForTimeout(1000); // its chart and its fields
        took.push(await ask(page, q));
        await page.waitForTimeout(1000);
      }
      took.sort((a, b) => a - b);
      medians.push(took[rounds >> 1]!);
      console.log(`${q.padEnd(50)} ${took[rounds >> 1]!.toFixed(0).padStart(5)} ms, at most ${took.at(-1)!.toFixed(0)} ms`);
    }
    expect(Math.max(...medians)).toBeLessThanOrEqual(bar);
  } finally {
    await server.stop();
  }
});
