// What every end-to-end test stands on: servers with data in them, and a guard on the page that fails the test when
// something goes wrong that the test did not look at.
import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type BrowserContext, type Page, type Request } from '@playwright/test';
import { hostile, hostileCalls } from './hostile';
import { prepare } from './many';
import { captures, importInto, newData, serve, store, type Server } from './tapir';
import { webserver } from './webserver';

/** The time range of the captures in testdata. */
export const recorded = { from: '2026-11-21T09:00:00Z', to: '2026-11-21T10:00:00Z' };

/** What goes wrong in a page unseen: errors on the console, violations of the policy, dialogs, requests to elsewhere. */
export class Guard {
  readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  constructor(context: BrowserContext) {
    context.on('console', (m) => {
      if (m.type() === 'error' || /content security policy/i.test(m.text())) this.note(`console: ${m.text()} (${m.location().url})`);
    });
    context.on('weberror', (e) => this.note(`uncaught: ${e.error().stack ?? e.error().message}`));
    context.on('dialog', (d) => {
      this.note(`dialog: ${d.message()}`);
      void d.dismiss();
    });
    context.on('request', (r) => {
      if (!/^(http:\/\/127\.0\.0\.1:\d+\/|blob:|data:|about:blank)/.test(r.url())) this.note(`request: ${r.url()}`);
    });
  }

  /** The test expects this: what the server refuses, say, is on the console too. */
  allow(...what: RegExp[]): void {
    this.allowed.push(...what);
  }

  private note(what: string): void {
    this.seen.push(what);
  }

  /** What was seen and not allowed. */
  get defects(): string[] {
    return this.seen.filter((s) => !this.allowed.some((a) => a.test(s)));
  }
}

interface Fixtures {
  guard: Guard;
}

interface WorkerFixtures {
  /** A server over the captures of testdata. */
  stored: Server;
  /** A server over the capture of hostile.ts. */
  traps: Server;
  /** A server over the sessions and system calls of webserver.ts. */
  calls: Server;
  /** A server over an empty data directory. */
  empty: Server;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  guard: [
    async ({ context }, use) => {
      // Reports what the policy stopped, and what ran that nobody wrote. Both go to the console, which the guard reads.
      await context.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (e) =>
          console.error(
            `content security policy: ${e.violatedDirective} stopped ${e.blockedURI} ${e.sample} at ${e.sourceFile}:${e.lineNumber}`,
          ),
        );
        Object.assign(window, { hacked: (where: unknown) => console.error(`hacked: ${where}`) });
      });
      follow(context);
      const guard = new Guard(context);
      await use(guard);
      expect(guard.defects, 'what the page did unseen').toEqual([]);
    },
    { auto: true },
  ],
  stored: [async ({}, use) => lend(use, async (data) => importInto(data, await captures())), { scope: 'worker' }],
  traps: [async ({}, use) => lend(use, (data) => store(data, hostile(), hostileCalls())), { scope: 'worker' }],
  calls: [
    async ({}, use) => {
      const { packets, calls } = webserver();
      await lend(use, (data) => store(data, packets, calls));
    },
    { scope: 'worker' },
  ],
  empty: [
    async ({}, use) =>
      lend(use, prepare),
    { scope: 'worker' },
  ],
});

/** Fills a data directory, lends a server over it, and ends that. */
async function lend(use: (s: Server) => Promise<void>, fill: (data: string) => Promise<unknown>): Promise<void> {
  const data = await newData();
  await fill(data);
  const server = await serve(data);
  await use(server);
  await server.stop();
}

/** Fails unless the page is free of what axe finds against WCAG 2.2 A and AA, or against some rules alone. */
export async function accessible(page: Page, ...rules: string[]): Promise<void> {
  const axe = new AxeBuilder({ page });
  if (rules.length > 0) axe.withRules(rules);
  else axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']);
  const { violations } = await axe.analyze();
  expect(violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`)).toEqual([]);
}

const quiet = 120; // ms
const traffic = new WeakMap<Page, { open: Set<Request>; last: number }>();

/** Waits until the page has asked nothing for a moment and all that it asked is answered; streams that last do not count. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('load');
  await expect
    .poll(
      () => {
        const t = traffic.get(page);
        return !t || (t.open.size === 0 && Date.now() - t.last >= quiet);
      },
      { intervals: [30], timeout: 20_000 },
    )
    .toBe(true);
}

/** Notes what each page of a context asks. */
function follow(context: BrowserContext): void {
  const of = (r: Request) => {
    const page = r.frame().page();
    return traffic.get(page) ?? traffic.set(page, { open: new Set(), last: 0 }).get(page)!;
  };
  const ended = (r: Request) => {
    const t = of(r);
    t.open.delete(r);
    t.last = Date.now();
  };
  context.on('request', (r) => {
    const t = of(r);
    if (r.resourceType() !== 'eventsource') t.open.add(r);
    t.last = Date.now();
  });
  context.on('requestfinished', ended).on('requestfailed', ended);
}

export { expect };
