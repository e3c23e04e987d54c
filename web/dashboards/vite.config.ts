// Builds the pages into the Python package. Assets carry a hash of their content in their names and may be kept for ever;
// the one stable name is the client as a single file for other pages.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vitest/config';

const here = import.meta.dirname;
const CLIENT = resolve(here, '../client/dist/meschain-signalr.js');

function singleFileClient(): Plugin {
  return {
    name: 'single-file-client',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'assets/meschain-signalr.js', source: readFileSync(CLIENT) });
    },
  };
}

export default defineConfig({
  root: here,
  plugins: [singleFileClient()],
  build: {
    outDir: resolve(here, '../../app/src/meschain/pages'),
    emptyOutDir: true,
    target: 'es2022',
    // Data: addresses would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: ['index', 'login', 'admin', 'marketplace', 'analytics'].map((page) => resolve(here, `${page}.html`)),
    },
  },
  test: { environment: 'jsdom', include: ['test/**/*.test.ts'] },
});
