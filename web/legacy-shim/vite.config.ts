// Builds each script as one file under the name of the old one: /assets/meschain-websocket.js and
// /assets/websocket-client.js. A library build has one entry, so the mode says which.
import { defineConfig } from 'vitest/config';

const SCRIPTS: Record<string, string> = { role: 'meschain-websocket.js', panel: 'websocket-client.js' };

export default defineConfig(({ mode }) => ({
  build: {
    lib: {
      entry: `src/${mode === 'panel' ? 'panel' : 'role'}.global.ts`,
      formats: ['iife'],
      name: 'MesChainLegacyShim',
      fileName: () => SCRIPTS[mode] ?? 'shim.js',
    },
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: false,
  },
  define: { 'process.env.NODE_ENV': '"production"' },
  test: {
    environment: 'jsdom',
    include: ['test/**/*.test.ts'],
    environmentOptions: { jsdom: { url: 'http://localhost/' } },
  },
}));
