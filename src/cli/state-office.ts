/**
 * Whoever answers questions about state: the node that runs with this data folder, or, where none does, this process, which opens the
 * stores as a start would and starts no worker.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadedConfig } from '../config/resolve.ts';
import { RuntimeError } from '../core/errors.ts';
import { createRuntime } from '../index.ts';
import type { NodeInfo } from '../store/placement.ts';
import { type Caller, connectControl } from './control/client.ts';
import { elsewhere, type Standby } from './control/elsewhere.ts';
import { callMethod, type MethodName, type ResultOf } from './control/methods.ts';
import type { Output } from './output.ts';

export interface Office extends Caller {
  /** A node runs, and was asked. */
  readonly isNode: boolean;
}

/** How long another node may take to give the workers back, or one that just starts to listen. */
const WAIT_MS_MAX = 3_000;
const LOOK_MS = 100;
/** A command that is killed gives its lease to nobody: a node that starts then should not wait as for one that ran. */
const LEASE_MS_MAX = 5_000;

/** @throws RuntimeError as a start does; DATA_LOCKED, naming it, where a node elsewhere has the workers */
export async function openOffice(options: LoadedConfig['options'], output: Output): Promise<Office> {
  for (const until = performance.now() + WAIT_MS_MAX; ; await pause(LOOK_MS)) {
    const node = await connectControl(options.dataDir);
    if (node !== null) {
      const { standby } = await node.call('hello', {});
      // A node of an earlier release does not say.
      if ((standby ?? null) === null) return asOffice(node, true);
      await node.close();
      // It may be about to take over.
      if (performance.now() > until) throw elsewhere(standby as Standby);
      continue;
    }
    try {
      return asOffice(await openOwn(options, output), false);
    } catch (error) {
      // It may be about to start, or to end.
      const isLocked =
        error instanceof RuntimeError && error.code === 'DATA_LOCKED' && error.details?.['elsewhere'] !== true;
      if (!isLocked || performance.now() > until) throw error;
    }
  }
}

const asOffice = (caller: Caller, isNode: boolean): Office => ({
  isNode,
  call: (name, input) => caller.call(name, input),
  close: () => caller.close(),
});

async function openOwn(options: LoadedConfig['options'], output: Output): Promise<Caller> {
  let owner: NodeInfo | null = null;
  let timer: NodeJS.Timeout | undefined;
  const { postgres, placement } = options;
  const leaseMs = Math.min(placement?.leaseMs ?? LEASE_MS_MAX, LEASE_MS_MAX);
  const runtime = createRuntime({
    ...options,
    ...(postgres === undefined ? {} : { placement: { ...placement, leaseMs } }),
    log: (level, message) => {
      if (level === 'warn' || level === 'error') output.problem(`runtime: ${message}`);
    },
  });
  runtime.on('placement', (event) => {
    if (event.state !== 'standby') return;
    owner = event.owner;
    timer ??= setTimeout(() => {
      runtime.stop({ now: true }).catch(() => undefined);
    }, WAIT_MS_MAX);
  });
  try {
    await runtime.start();
  } catch (error) {
    if (timer !== undefined && error instanceof RuntimeError && error.code === 'STOPPED') throw elsewhere({ owner });
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    call: async <Name extends MethodName>(name: Name, input: unknown) =>
      (await callMethod(runtime, name, input)) as ResultOf<Name>,
    close: () => runtime.stop({ now: true }),
  };
}
