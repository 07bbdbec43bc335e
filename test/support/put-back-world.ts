/** An engine whose store a test can put back, workers that count, and everything that goes out or is told meanwhile. */
import { expect } from 'vitest';
import { z } from 'zod';
import type { Adapter, Claimed, WorkerOptions } from '../../src/index.ts';
import { MemoryRecordStore } from '../../src/store/memory.ts';
import { type Engine, startEngine } from './engine.ts';
import { RestorableStore } from './restorable-store.ts';
import { CommandedStore } from './stores.ts';

/** Counts, and tells each number that was stored by the time it is told. */
export const COUNTER = {
  JavaScript: `
    export async function tick(ctx) {
      const n = ctx.state.get('n', 0) + 1;
      ctx.state.set('n', n);
      if (n === 1) ctx.state.set('kept', 'from the beginning');
      await ctx.state.flush();
      ctx.log.info('stored ' + n);
    }`,
  Python: `
def tick(ctx):
    n = ctx.state.get("n", 0) + 1
    ctx.state.set("n", n)
    if n == 1:
        ctx.state.set("kept", "from the beginning")
    ctx.state.flush()
    ctx.log.info(f"stored {n}")
`,
};

export const SLOW: Partial<WorkerOptions> = { schedule: { kind: 'interval', intervalMs: 3_600_000 } };

interface Sent {
  readonly text: unknown;
  readonly stored: Readonly<Record<string, unknown>>;
}

interface Incident {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface World {
  readonly engine: Engine;
  readonly store: RestorableStore;
  /** In front of it: what its calls meet. */
  readonly commanded: CommandedStore;
  /** What went out, and what the store held at that moment. */
  readonly sent: Sent[];
  /** Lines of the engine at level error that carry a code. */
  readonly incidents: Incident[];
  /** Resolves with the next line of the engine that has this in it. */
  heard(text: string): Promise<void>;
  /** Answers the call that waits in `probe.wait`, or that comes there. */
  answer(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const store = new RestorableStore();
  const commanded = new CommandedStore(store);
  const sent: Sent[] = [];
  const incidents: Incident[] = [];
  const waiting: (() => void)[] = [];
  const input = z.strictObject({ value: z.unknown() });
  const parameters = ['value'];
  const probe: Adapter = {
    name: 'probe',
    capabilities: {
      send: {
        effect: true,
        parameters,
        input,
        async call({ value }: z.output<typeof input>, { worker }) {
          const stored = (await store.read(worker))?.entries ?? [];
          sent.push({ text: value, stored: Object.fromEntries(stored.map(([key, json]) => [key, JSON.parse(json)])) });
        },
      },
      wait: {
        effect: false,
        parameters,
        input,
        call: () => new Promise((resolve) => waiting.push(() => resolve('answered'))),
      },
    },
  };
  const engine = await startEngine({
    stateStore: commanded,
    recordStore: new MemoryRecordStore(),
    adapters: [probe],
    log: (level, message, fields = {}) => {
      if (level === 'error' && 'code' in fields) incidents.push({ message, fields });
    },
  });
  return {
    engine,
    store,
    commanded,
    sent,
    incidents,
    heard: (text) =>
      expect.poll(() => incidents.some(({ message }) => message.includes(text)), { timeout: 20_000 }).toBe(true),
    async answer() {
      await expect.poll(() => waiting.length, { timeout: 20_000 }).toBe(1);
      waiting.pop()?.();
    },
  };
}

/** As an old backup has it. */
export const older = (now: Claimed): Claimed => ({ ...now, revision: 1n, entries: [['n', '1']] });
