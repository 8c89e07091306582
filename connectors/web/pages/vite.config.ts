import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const out = 'dist/app';
/** Where `npm run dev` finds a daemon. */
const daemon = 'http://127.0.0.1:8470';

// The daemon sends what is compressed here: it need not do so itself, each time.
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(js|css|html|svg)$/.test(entry.name)) continue;
        const file = join(entry.parentPath, entry.name);
        const body = readFileSync(file);
        const small = gzipSync(body, { level: 9 });
        if (small.length < 0.9 * body.length) writeFileSync(file + '.gz', small);
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    // Nothing may be in line: the content security policy forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    proxy: { '/api': daemon, '/session': daemon, '/nats': { target: daemon, ws: true } },
  },
});
