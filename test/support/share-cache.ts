import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The snapshot of Python is made once for all tests, not once for each folder. */
export function shareCache(dataDir: string): void {
  const shared = join(import.meta.dirname, '../../node_modules/.cache/tick-runtime-test');
  mkdirSync(shared, { recursive: true });
  if (!existsSync(join(dataDir, 'cache'))) symlinkSync(shared, join(dataDir, 'cache'));
}
