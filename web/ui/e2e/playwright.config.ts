// How the end-to-end tests run: the built program with the viewer in it, and Debian's Chromium. Nothing is downloaded.
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

// Tests run as root in containers, where Chromium's own sandbox cannot start.
const args = ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none'];
// Painted by the processor, a page is cut into tiles of 256 px, twenty for this list; with a graphics card into few as wide as the window, so here too.
const wideTiles = ['--default-tile-width=1280', '--default-tile-height=256'];
const launchOptions = {
  env: { ...(process.env as Record<string, string>), FONTCONFIG_FILE: join(import.meta.dirname, 'fonts.conf') },
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args,
};

export default defineConfig({
  testDir: '.',
  outputDir: './out/results',
  snapshotPathTemplate: '{testDir}/snapshots/{arg}{ext}',
  workers: 2,
  projects: [
    { name: 'pages', testIgnore: '**/scale.spec.ts' },
    { name: 'scale', testMatch: '**/scale.spec.ts', dependencies: ['pages'], use: { trace: 'off', launchOptions: { ...launchOptions, args: [...args, ...wideTiles] } } }, // measures frames: alone, behind the others, and nobody films
  ],
  fullyParallel: false, // a file is one worker's, so that its servers are started once
  forbidOnly: !!process.env.CI,
  retries: 1, // machines of CI are shared; what passes at the second try only is reported as flaky, and is a defect to find
  timeout: 60_000,
  expect: { timeout: 8_000 },
  reporter: process.env.CI ? [['dot']] : [['list']],
  use: {
    browserName: 'chromium',
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin', // not UTC, so that a page that mixes the two shows it
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions,
  },
});
