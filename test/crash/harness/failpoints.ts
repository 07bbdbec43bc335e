/**
 * The places at which a node can be made to die, fail, wait, or stand still as a whole while another takes over. Each lies around a method of a store, or of the adapter, so the
 * production code has no hook. One is armed at a time, and acts once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Adapter } from '../../../adapters/adapter.ts';
import { RuntimeError } from '../../../src/core/errors.ts';
import type { Commit, CommitResult } from '../../../src/store/contracts.ts';
import { EmbeddedStateStore } from '../../../src/store/embedded/state-client.ts';
import { LeasedStateStore } from '../../../src/store/leased-state-store.ts';
import { PostgresPool } from '../../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../../src/store/postgres/postgres-state-store.ts';
import { RedisStateStore } from '../../../src/store/redis/redis-state-store.ts';
import { around } from './around.ts';
import type { Ack, Setup } from './options.ts';

export type FailMode = 'kill' | 'error' | 'delay' | 'freeze';

/**
 * When the driver arms it: while the node `runs`, after what is said (`flush`: Redis is emptied meanwhile; `stop`: it is told to
 * end in order), or for a node that starts after its predecessor ended in order (`start`), was killed (`start-killed`), or ended
 * and Redis was emptied (`start-flushed`), or on empty stores (`migrate`).
 */
export type Occasion = 'runs' | 'flush' | 'stop' | 'start' | 'start-killed' | 'start-flushed' | 'migrate';

export interface Failpoint {
  readonly occasion: Occasion;
  readonly setups: readonly Setup[];
  /** It is reached with this one only: with the other, Postgres is never behind Redis. */
  readonly ack?: Ack;
}

const ALL: readonly Setup[] = ['embedded', 'postgres', 'redis+postgres'];
const SERVERS: readonly Setup[] = ['postgres', 'redis+postgres'];
const BOTH: readonly Setup[] = ['redis+postgres'];

export const FAILPOINTS: Readonly<Record<string, Failpoint>> = {
  'claim:before-postgres': { occasion: 'start', setups: SERVERS },
  'claim:after-postgres': { occasion: 'start', setups: SERVERS },
  'claim:after-redis': { occasion: 'start', setups: BOTH },
  'repair:before-redis': { occasion: 'start-flushed', setups: BOTH },
  'repair:after-redis': { occasion: 'start-flushed', setups: BOTH },
  'repair:before-postgres': { occasion: 'start-killed', setups: BOTH, ack: 'redis' },
  'repair:after-postgres': { occasion: 'start-killed', setups: BOTH, ack: 'redis' },
  'commit:before-redis': { occasion: 'runs', setups: BOTH },
  'commit:after-redis': { occasion: 'runs', setups: BOTH },
  'commit:before-acknowledgement': { occasion: 'runs', setups: ALL },
  'checkpoint:before': { occasion: 'runs', setups: SERVERS },
  'checkpoint:after': { occasion: 'runs', setups: SERVERS },
  'intent:before': { occasion: 'runs', setups: ALL },
  'intent:after': { occasion: 'runs', setups: ALL },
  'send:before': { occasion: 'runs', setups: ALL },
  'send:after': { occasion: 'runs', setups: ALL },
  'outcome:before': { occasion: 'runs', setups: ALL },
  'outcome:after': { occasion: 'runs', setups: ALL },
  'lease:after-renewal': { occasion: 'runs', setups: SERVERS },
  'replace:before-postgres': { occasion: 'flush', setups: BOTH },
  'replace:between': { occasion: 'flush', setups: BOTH },
  'replace:after-redis': { occasion: 'flush', setups: BOTH },
  'stop:before-commit': { occasion: 'stop', setups: ALL },
  'stop:after-commit': { occasion: 'stop', setups: ALL },
  'migrate:during': { occasion: 'migrate', setups: SERVERS },
};

export const FAIL_MODES: readonly FailMode[] = ['kill', 'error', 'delay', 'freeze'];
const DELAY_MS = 3_000;

export class Failpoints {
  /** The node was told to end. */
  stopping = false;
  #armed: { readonly name: string; readonly mode: FailMode } | null = null;
  /** Called at once before the point acts. */
  readonly #onHit: (name: string) => void;
  /** Workers whose order was sent, and whose next commit holds the outcome. */
  readonly #sent = new Set<string>();

  constructor(onHit: (name: string) => void) {
    this.#onHit = onHit;
  }

  /** `name:mode`, where the name has a colon of its own. */
  arm(text: string): void {
    const at = text.lastIndexOf(':');
    const name = text.slice(0, at);
    const mode = FAIL_MODES.find((one) => one === text.slice(at + 1));
    if (FAILPOINTS[name] === undefined || mode === undefined) throw new Error(`there is no failpoint ${text}`);
    this.#armed = { name, mode };
  }

  async #reach(name: string): Promise<void> {
    if (this.#armed?.name !== name) return;
    const { mode } = this.#armed;
    this.#armed = null;
    this.#onHit(name);
    switch (mode) {
      case 'kill':
        process.kill(process.pid, 'SIGKILL');
        return new Promise(() => undefined);
      case 'error':
        throw new RuntimeError('STORE_UNAVAILABLE', `failpoint ${name}`);
      case 'delay':
        await sleep(DELAY_MS);
        return;
      case 'freeze':
        // The driver wakes it.
        process.kill(process.pid, 'SIGSTOP');
    }
  }

  /** Around the classes of this process. */
  install(): void {
    const between = async <T>(before: string, work: () => Promise<T>, after: string): Promise<T> => {
      await this.#reach(before);
      const result = await work();
      await this.#reach(after);
      return result;
    };
    around(PostgresStateStore, 'claim', (call, args) =>
      between('claim:before-postgres', () => call(...args), 'claim:after-postgres'),
    );
    around(RedisStateStore, 'raise', (call, args) => between('', () => call(...args), 'claim:after-redis'));
    around(RedisStateStore, 'repair', (call, args) =>
      between('repair:before-redis', () => call(...args), 'repair:after-redis'),
    );
    around(PostgresStateStore, 'advance', (call, args) => {
      const which = args[0].writtenEpoch === undefined ? 'checkpoint' : 'repair';
      const [before, after] = which === 'repair' ? ['before-postgres', 'after-postgres'] : ['before', 'after'];
      return between(`${which}:${before}`, () => call(...args), `${which}:${after}`);
    });
    around(RedisStateStore, 'commit', (call, args) =>
      between('commit:before-redis', () => call(...args), 'commit:after-redis'),
    );
    around(PostgresStateStore, 'replace', (call, args) => between('replace:before-postgres', () => call(...args), ''));
    around(RedisStateStore, 'replace', (call, args) =>
      between('replace:between', () => call(...args), 'replace:after-redis'),
    );
    around(PostgresPool, 'query', (call, args) => {
      const work = (): ReturnType<typeof call> => call(...args);
      return args[0] === 'renew' ? between('', work, 'lease:after-renewal') : work();
    });
    around(LeasedStateStore, 'commit', (call, args) => this.#commit(args[0], () => call(...args)));
    around(EmbeddedStateStore, 'commit', (call, args) => this.#commit(args[0], () => call(...args)));
    this.#aroundMigration();
  }

  async #commit(commit: Commit, work: () => Promise<CommitResult>): Promise<CommitResult> {
    const names: string[] = [];
    if (commit.durable === true) names.push(this.stopping ? 'stop' : 'intent');
    if (this.#sent.delete(commit.worker)) names.push('outcome');
    const [before, after] = this.stopping ? ['before-commit', 'after-commit'] : ['before', 'after'];
    for (const name of names) await this.#reach(`${name}:${name === 'stop' ? before : 'before'}`);
    const result = await work();
    for (const name of names) await this.#reach(`${name}:${name === 'stop' ? after : 'after'}`);
    await this.#reach('commit:before-acknowledgement');
    return result;
  }

  /** Between two statements of one migration. */
  #aroundMigration(): void {
    const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
    const reach = (): Promise<void> => this.#reach('migrate:during');
    Object.defineProperty(pg.Client.prototype, 'query', {
      configurable: true,
      writable: true,
      value: function replaced(this: pg.Client, ...args: unknown[]): unknown {
        const [text] = args;
        if (typeof text !== 'string' || !/CREATE TABLE "\w+"\.state/.test(text)) return query.apply(this, args);
        return reach().then(() => query.apply(this, args));
      },
    });
  }

  /** The same adapter; `onSend` is told of each order before it goes out, and names it for the exchange. */
  around(adapter: Adapter, onSend: (worker: string, id: string, symbol: string) => string): Adapter {
    const { place } = adapter.capabilities;
    if (place === undefined) throw new Error('the adapter places no orders');
    const call: typeof place.call = async (input, context) => {
      await this.#reach('send:before');
      const order = input as { readonly symbol: string };
      // Nothing that takes time may stand between the last look at the lease and the sending.
      const symbol = onSend(context.worker, context.intentId ?? '', order.symbol);
      const answer = await place.call({ ...order, symbol } as never, context);
      this.#sent.add(context.worker);
      await this.#reach('send:after');
      return answer;
    };
    return { ...adapter, capabilities: { ...adapter.capabilities, place: { ...place, call } } };
  }
}
