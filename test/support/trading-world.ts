/** An engine that trades with an exchange on loopback over a store that does what the test says, and two workers that order once. */
import { onTestFinished } from 'vitest';
import type { RuntimeOptions } from '../../src/index.ts';
import { MemoryRecordStore, MemoryStateStore } from '../../src/store/memory.ts';
import type { Intent } from '../../src/supervisor/intents.ts';
import { type Engine, startEngine } from './engine.ts';
import { type Exchange, startExchange, type Trouble } from './exchange.ts';
import { createExchangeAdapter, type ExchangeAdapterOptions } from './exchange-adapter.ts';
import { CommandedStore } from './stores.ts';

export interface World {
  readonly engine: Engine;
  readonly store: CommandedStore;
  readonly memory: MemoryStateStore;
  readonly exchange: Exchange;
  /** The intents that are stored. */
  stored(): Promise<readonly Intent[]>;
  state(): Promise<Record<string, unknown>>;
}

export const headOf = (json: string | null | undefined): { tick: number; intents: Intent[] } =>
  JSON.parse(json ?? 'null');

export async function startWorld(
  options: Partial<RuntimeOptions> & {
    adapter?: ExchangeAdapterOptions;
    troubles?: readonly (Trouble | 'none')[];
  } = {},
): Promise<World> {
  const { adapter, troubles = [], ...rest } = options;
  const exchange = await startExchange();
  onTestFinished(() => exchange.close());
  exchange.troubles.push(...troubles);
  const memory = new MemoryStateStore();
  const store = new CommandedStore(memory);
  const engine = await startEngine({
    stateStore: store,
    recordStore: new MemoryRecordStore(),
    adapters: [createExchangeAdapter(exchange.url, adapter)],
    // So that one that was not placed is known to be absent after 1.5 s.
    durableWindowMs: 500,
    ...rest,
  });
  return {
    engine,
    store,
    memory,
    exchange,
    stored: async () => headOf((await memory.read('default/w'))?.head).intents,
    state: () => engine.runtime.readState('w'),
  };
}

/** Orders once, in its first tick; notes what each tick sees of it. */
export const JAVASCRIPT = `
  export async function tick(ctx) {
    const { tick } = ctx.worker;
    const seen = ctx.state.get('seen', []);
    for (const { status, result, request, method, id, ...rest } of ctx.exchange.unresolved)
      seen.push([tick, rest.tick, method, status, result ? result.orderId : null, request.symbol, id.length]);
    ctx.state.set('seen', seen);
    if (tick !== 1) return;
    ctx.state.set('before', 'written');
    try {
      ctx.state.set('reply', await ctx.exchange.place('BTC', 2));
    } catch (error) {
      ctx.state.set('caught', error.code);
      ctx.state.set('message', error.message);
    }
    ctx.state.set('own', ctx.exchange.unresolved.length);
  }`;

export const PYTHON = `
def tick(ctx):
    tick = ctx.worker.tick
    seen = ctx.state.get("seen", [])
    for call in ctx.exchange.unresolved:
        order = call.get("result", {}).get("orderId")
        seen.append([tick, call["tick"], call["method"], call["status"], order, call["request"]["symbol"], len(call["id"])])
    ctx.state.set("seen", seen)
    if tick != 1:
        return
    ctx.state.set("before", "written")
    try:
        ctx.state.set("reply", ctx.exchange.place("BTC", 2))
    except Exception as error:
        ctx.state.set("caught", error.code)
        ctx.state.set("message", str(error))
    ctx.state.set("own", len(ctx.exchange.unresolved))
`;
