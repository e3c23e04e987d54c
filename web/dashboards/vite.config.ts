// Builds the pages into the Python package. Assets carry a hash of their content in their names and may be kept for ever;
// the stable names are the client as a single file for other pages, and the scripts in place of the old clients.
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vitest/config';

const here = import.meta.dirname;
const PAGES = [
  'index',
  'login',
  'admin',
  'marketplace',
  'analytics',
  'inbox',
  'jobs',
  'alerts',
  'people',
  'audit',
  'rollout',
  'legacy',
];
const SINGLE_FILES = [
  '../client/dist/meschain-signalr.js',
  '../legacy-shim/dist/meschain-websocket.js',
  '../legacy-shim/dist/websocket-client.js',
];

function singleFiles(): Plugin {
  return {
    name: 'single-files',
    apply: 'build',
    generateBundle() {
      for (const file of SINGLE_FILES)
        this.emitFile({
          type: 'asset',
          fileName: `assets/${basename(file)}`,
          source: readFileSync(resolve(here, file)),
        });
    },
  };
}

export default defineConfig({
  root: here,
  plugins: [singleFiles()],
  build: {
    outDir: resolve(here, '../../app/src/meschain/pages'),
    emptyOutDir: true,
    target: 'es2022',
    // Data: addresses would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: PAGES.map((page) => resolve(here, `${page}.html`)),
    },
  },
  test: { environment: 'jsdom', include: ['test/**/*.test.ts'] },
});
