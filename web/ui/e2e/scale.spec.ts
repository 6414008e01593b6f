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

test('a million rows scroll without a stutter', async ({ page, browser, million }) => {
  test.setTimeout(90_000);
  test.skip(!process.env.FRAMES && loadavg()[0]! > 2 * cpus().length, 'others keep this machine busy: frames say nothing');
  await page.goto(million.at('/', { from: first, to: '2026-11-21T09:00:00Z' }));
  const grid = page.getByRole('grid');
  await expect(grid).toHaveAttribute('aria-rowcount', String(rows + 1), { timeout: 20_000 });
  await settled(page);

  // Three seconds of scrolling. What counts is the time that the page's main thread computes for a frame: how long the frame takes on
  // the clock is up to what else the machine does, drawing in software above all. The best of a few tries counts.
  let longest = Infinity;
  for (let i = 0; i < 5 && longest >= frame; i++) {
    await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline'] });
    const clock = await grid.evaluate(async (box) => {
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
      return out;
    });
    const work = framesOf(JSON.parse((await browser.stopTracing()).toString()).traceEvents);
    expect(work.length).toBeGreaterThan(150);
    longest = Math.min(longest, Math.max(...work));
    console.log(`work a frame: ${quantiles(work)}; on the clock: ${quantiles(clock)}`);
  }
  expect(longest).toBeLessThan(frame);
});

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number; // µs
  tdur?: number; // µs of the thread's own time
}

/** What the main thread of a page computed between two frames, ms. */
function framesOf(events: TraceEvent[]): number[] {
  const frames = events.filter((e) => e.name === 'FireAnimationFrame' && e.ph === 'X').sort((a, b) => a.ts - b.ts);
  const { pid, tid } = frames[0]!;
  const tasks = events.filter((e) => e.pid === pid && e.tid === tid && e.ph === 'X' && e.name.endsWith('RunTask'));
  return frames.slice(2).map((f, i) => tasks.filter((t) => t.ts >= frames[i + 1]!.ts && t.ts < f.ts).reduce((sum, t) => sum + (t.tdur ?? 0), 0) / 1000);
}

function quantiles(all: number[]): string {
  const s = all.toSorted((a, b) => a - b);
  return `median ${s[s.length >> 1]!.toFixed(1)}, 95 of 100 below ${s[Math.floor(s.length * 0.95)]!.toFixed(1)}, longest ${s.at(-1)!.toFixed(1)} ms`;
}

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
