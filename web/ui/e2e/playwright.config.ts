// How the end-to-end tests run: the built program with the viewer in it, and Debian's Chromium. Nothing is downloaded.
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  outputDir: './out/results',
  snapshotPathTemplate: '{testDir}/snapshots/{arg}{ext}',
  workers: 2,
  projects: [
    { name: 'pages', testIgnore: '**/scale.spec.ts' },
    { name: 'scale', testMatch: '**/scale.spec.ts', dependencies: ['pages'], use: { trace: 'off' } }, // measures frames: alone, behind the others, and nobody films
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
    launchOptions: {
      env: { ...(process.env as Record<string, string>), FONTCONFIG_FILE: join(import.meta.dirname, 'fonts.conf') },
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      // Tests run as root in containers, where Chromium's own sandbox cannot start.
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none'],
    },
  },
});
