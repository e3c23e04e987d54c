// Builds the client as one file for any page: /assets/meschain-signalr.js, global `MesChainSignalR`.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  build: {
    lib: {
      entry: 'src/global.ts',
      formats: ['iife'],
      name: 'MesChainSignalRBundle',
      fileName: () => 'meschain-signalr.js',
    },
    target: 'es2022',
    outDir: 'dist',
  },
  define: { 'process.env.NODE_ENV': '"production"' },
  test: {
    environment: 'jsdom',
    include: ['test/**/*.test.ts'],
    environmentOptions: { jsdom: { url: 'http://localhost/' } },
  },
});
