import { defineConfig } from 'vitest/config';

const shared = {
  environment: 'node',
  pool: 'forks',
  // isolated-vm needs it: without it, an isolate can take its process down.
  execArgv: ['--no-node-snapshot'],
  testTimeout: 30_000,
  hookTimeout: 30_000,
} as const;

/** Which judge by the clock, and have the machine for themselves. */
const TIMED = ['integration', 'security', 'crash'];
const UNTIMED = ['unit', 'contract', 'model', 'e2e'];

const files = (folders: readonly string[]): string[] => folders.map((folder) => `test/${folder}/**/*.test.ts`);

// Vitest reads the default export; it is the one place where the project has one.
// biome-ignore lint/style/noDefaultExport: vitest's contract
export default defineConfig({
  test: {
    globalSetup: ['test/support/global-servers.ts'],
    projects: [
      { test: { ...shared, name: 'together', include: files(UNTIMED), maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { test: { ...shared, name: 'alone', include: files(TIMED), maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
