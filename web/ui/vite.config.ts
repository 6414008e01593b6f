import { brotliCompressSync, constants } from 'node:zlib';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Where `make ui-dev` sends what goes to /api: the URL that a running tapir prints, token included. */
const target = new URL(process.env.TAPIR ?? 'http://127.0.0.1:8005');

/** The build is embedded into the program, which serves NAME.br to those who take it. */
function embed(): Plugin {
  const dir = join(import.meta.dirname, '../dist');
  return {
    name: 'embed',
    apply: 'build',
    closeBundle() {
      for (const name of readdirSync(join(dir, 'assets'))) {
        if (!/\.(js|css)$/.test(name)) continue;
        const plain = readFileSync(join(dir, 'assets', name));
        const packed = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } });
        if (packed.length < plain.length) writeFileSync(join(dir, 'assets', name + '.br'), packed);
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), embed()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: ['chrome123', 'firefox128', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: URLs are not in the policy
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: {
      '/api': {
        target: target.origin,
        changeOrigin: true,
        headers: { origin: target.origin, authorization: `Bearer ${target.searchParams.get('token') ?? ''}` },
      },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
