/** What a cell is started with: its launch, its first message, and for Python the memory snapshot that is made once. */
import type { Backend, ToCell } from '../../sandbox/protocol.ts';
import { PROTOCOL_VERSION } from '../../sandbox/protocol.ts';
import { bundleGuest } from '../workers/guest-code.ts';
import { cellLaunch } from './cell-launch.ts';
import type { CellPoolOptions } from './cell-pool.ts';

export async function createGuestSupply(_options: {
  readonly cacheDir: string;
  readonly log: unknown;
}): Promise<Pick<CellPoolOptions, 'launch' | 'init' | 'prepare'>> {
  const code = await bundleGuest();
  return {
    launch: () => cellLaunch(),
    init: (backend: Backend, slots: number): ToCell => ({
      kind: 'init',
      protocol: PROTOCOL_VERSION,
      backend,
      prelude: code.prelude,
      slots,
    }),
    prepare: async () => undefined,
  };
}
