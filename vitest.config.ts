import { defineConfig } from 'vitest/config';

// Vitest reads the default export; it is the one place where the project has one.
// biome-ignore lint/style/noDefaultExport: vitest's contract
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-servers.ts'],
    pool: 'forks',
    // isolated-vm needs it: without it, an isolate can take its process down.
    execArgv: ['--no-node-snapshot'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
