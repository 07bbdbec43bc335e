/** Everything that the driver starts: servers, proxies in front of them, the exchange, the witness, and the nodes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { type Proxy as Outage, startProxy } from '../../support/proxy.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import type { NodeConfig } from './events.ts';
import { NodeHandle } from './node-handle.ts';
import type { HarnessOptions } from './options.ts';
import { Oracle } from './oracle.ts';
import { Witness } from './witness.ts';
import { harnessWorkers } from './workers.ts';

const EXCHANGE = fileURLToPath(new URL('../../support/exchange.ts', import.meta.url));
/** Of the whole repository: the snapshot of Python is made once. */
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/tick-runtime-test', import.meta.url));

export const LEASE_MS = 2_000;
export const CHECKPOINT_MS = 300;

export interface Server<T> {
  readonly server: T;
  readonly proxy: Outage;
  /** Its process was ended and not started again. */
  down: boolean;
}

export class World {
  readonly options: HarnessOptions;
  readonly folder: string;
  readonly witness: Witness;
  readonly redis: Server<RedisServer> | null;
  readonly postgres: Server<PostgresServer> | null;
  readonly nodes: readonly NodeHandle[];
  readonly #exchange: ChildProcess;
  readonly exchangeUrl: string;
  oracle: Oracle;
  generation = 'g0';
  #generations = 0;

  private constructor(parts: {
    readonly options: HarnessOptions;
    readonly folder: string;
    readonly witness: Witness;
    readonly redis: Server<RedisServer> | null;
    readonly postgres: Server<PostgresServer> | null;
    readonly exchange: ChildProcess;
    readonly exchangeUrl: string;
  }) {
    this.options = parts.options;
    this.folder = parts.folder;
    this.witness = parts.witness;
    this.redis = parts.redis;
    this.postgres = parts.postgres;
    this.#exchange = parts.exchange;
    this.exchangeUrl = parts.exchangeUrl;
    this.oracle = new Oracle(harnessWorkers(this.options.python, this.generation));
    this.nodes = (parts.postgres === null ? ['a'] : ['a', 'b']).map(
      (name) =>
        new NodeHandle(name, {
          config: () => this.#configOf(name),
          onTrouble: (rule, found) => this.oracle.violate(rule, name, rule, found),
        }),
    );
    this.witness.onEvent = (node, pid, event) => {
      this.oracle.take(node, event);
      this.nodes.find(({ name }) => name === node)?.take(pid, event);
    };
  }

  static async open(options: HarnessOptions): Promise<World> {
    const { setup, appendonly } = options;
    const witness = await Witness.open();
    const [redis, postgres] = await Promise.all([
      setup === 'redis+postgres' ? startRedis({ appendonly }) : null,
      setup === 'embedded' ? null : startPostgres({ settings: { max_connections: '40' } }),
    ]);
    const behind = async <T extends { readonly port: number }>(server: T | null): Promise<Server<T> | null> =>
      server === null
        ? null
        : { server, proxy: await startProxy({ host: '127.0.0.1', port: server.port }), down: false };
    const exchange = spawn(process.execPath, [EXCHANGE], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exchangeUrl = await new Promise<string>((resolve) => {
      createInterface({ input: exchange.stdout }).once('line', resolve);
    });
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tick-runtime-crash-')));
    mkdirSync(CACHE, { recursive: true });
    return new World({
      options,
      folder,
      witness,
      redis: await behind(redis),
      postgres: await behind(postgres),
      exchange,
      exchangeUrl,
    });
  }

  /** Empty stores, and workers that never ran. No node may run. */
  newGeneration(): void {
    this.#generations += 1;
    this.generation = `g${this.#generations}`;
    const { violations, ticks, commits, permittedLosses } = this.oracle;
    this.oracle = new Oracle(harnessWorkers(this.options.python, this.generation));
    this.oracle.violations.push(...violations);
    Object.assign(this.oracle, { ticks, commits, permittedLosses });
  }

  /** The node that owns the workers as far as it said so. */
  get active(): NodeHandle {
    const [first] = this.nodes;
    const found = this.nodes.find(({ running, placement }) => running && placement === 'held') ?? first;
    if (found === undefined) throw new Error('there is no node');
    return found;
  }

  /** One that waits for the lease. */
  get standby(): NodeHandle | null {
    return this.nodes.find(({ running, placement }) => running && placement === 'standby') ?? null;
  }

  async symbols(): Promise<readonly string[]> {
    const response = await fetch(`${this.exchangeUrl}/orders`);
    const all = (await response.json()) as readonly { readonly symbol: string }[];
    return all.map(({ symbol }) => symbol);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    this.#exchange.kill('SIGKILL');
    for (const one of [this.redis, this.postgres]) {
      await one?.proxy.close();
      await one?.server.close();
    }
    await this.witness.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #configOf(node: string): NodeConfig {
    const { setup, ack, python, plant } = this.options;
    const dataDir = join(this.folder, `${node}-${this.generation}`);
    mkdirSync(dataDir, { recursive: true });
    try {
      symlinkSync(CACHE, join(dataDir, 'cache'));
    } catch {
      // It is there since an earlier start.
    }
    return {
      node,
      dataDir,
      setup,
      ack,
      postgresUrl: this.postgres === null ? '' : this.postgres.proxy.rewrite(this.postgres.server.url),
      redisUrl: this.redis === null ? '' : this.redis.proxy.rewrite(this.redis.server.url),
      generation: this.generation,
      checkpointMs: CHECKPOINT_MS,
      leaseMs: LEASE_MS,
      exchangeUrl: this.exchangeUrl,
      witnessUrl: this.witness.url,
      python,
      plant,
    };
  }
}
