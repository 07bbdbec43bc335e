/**
 * A node of the crash harness: the real engine with the workers of workers.ts. What it acknowledges it tells the witness over HTTP, in
 * order; what was not told before a kill is unknown to the witness, and to nobody else. It reads orders from its standard
 * input, `arm <failpoint>:<mode>`, and dies with it. SIGTERM ends it in order.
 */
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRuntime, type RuntimeOptions } from '../../../src/index.ts';
import type { Claimed } from '../../../src/store/contracts.ts';
import { EmbeddedStateStore } from '../../../src/store/embedded/state-client.ts';
import { LeasedStateStore } from '../../../src/store/leased-state-store.ts';
import { createExchangeAdapter } from '../../support/exchange-adapter.ts';
import { around } from './around.ts';
import {
  EXIT_LOST,
  EXIT_UNAVAILABLE,
  FAILPOINT_VARIABLE,
  type NodeConfig,
  type NodeEvent,
  type Told,
} from './events.ts';
import { Failpoints } from './failpoints.ts';
import { plant } from './plants.ts';
import { harnessWorkers } from './workers.ts';

const VALUE_CHARS_MAX = 1_000;
const CUT_CHARS = 40;
const DEPLOY_PAUSE_MS = 100;
const STOP_GRACE_MS = 8_000;

const config = JSON.parse(process.argv[2] ?? '{}') as NodeConfig;

/** One request at a time, with everything that came meanwhile. */
class Teller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #waiting: Told[] = [];
  #sending: Promise<void> | null = null;

  tell(event: NodeEvent): void {
    this.#waiting.push({ ...event, at: Date.now() });
    this.#sending ??= this.#send();
  }

  /** Everything told so far is known to the witness. */
  async told(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  async #send(): Promise<void> {
    // What is acknowledged in the same turn goes along.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const events = this.#waiting;
      this.#waiting = [];
      await this.#post(JSON.stringify({ node: config.node, pid: process.pid, events }));
    }
    this.#sending = null;
  }

  #post(body: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const post = request(config.witnessUrl, { method: 'POST', agent: this.#agent }, (response) => {
        response.resume().once('end', resolve);
      });
      post.once('error', reject).end(body);
    });
  }
}

const teller = new Teller();
const epochs = new Map<string, string>();
const epochOf = (worker: string): string => epochs.get(worker) ?? '0';

const cut = (json: string): string => (json.length > VALUE_CHARS_MAX ? json.slice(0, CUT_CHARS) : json);

function onClaim(worker: string, { epoch, entries }: Claimed): void {
  epochs.set(worker, String(epoch));
  teller.tell({
    kind: 'claim',
    worker,
    epoch: String(epoch),
    entries: entries.map(([key, json]) => [key, cut(json)] as const),
  });
}

async function observed(claiming: Promise<Claimed>, worker: string): Promise<Claimed> {
  const claimed = await claiming;
  onClaim(worker, claimed);
  return claimed;
}

const failpoints = new Failpoints((name) => writeFileSync(1, `failpoint ${name}\n`));
failpoints.install();
if (config.plant !== null) plant(config.plant);
const { [FAILPOINT_VARIABLE]: armed = '' } = process.env;
if (armed !== '') failpoints.arm(armed);
around(LeasedStateStore, 'claim', (call, [worker]) => observed(call(worker), worker));
around(EmbeddedStateStore, 'claim', (call, [worker]) => observed(call(worker), worker));

const exchange = createExchangeAdapter(config.exchangeUrl);
const adapter = failpoints.around(exchange, (worker, id, symbol) => {
  const epoch = epochOf(worker);
  teller.tell({ kind: 'order', worker, epoch, id, symbol });
  return `${symbol}|${epoch}`;
});

const { generation } = config;
const servers: Partial<RuntimeOptions> = {
  postgres: { url: config.postgresUrl, schema: generation, poolSize: 5 },
  placement: { leaseMs: config.leaseMs },
  state: { ack: config.ack, checkpointMs: config.checkpointMs, unsyncedMs: 60_000 },
};
const runtime = createRuntime({
  dataDir: config.dataDir,
  minIntervalMs: 10,
  adapters: [adapter],
  // A round is too short to wait for the default.
  durableWindowMs: 2_000,
  ...(config.setup === 'embedded' ? {} : servers),
  ...(config.setup === 'redis+postgres' ? { redis: { url: config.redisUrl, prefix: generation } } : {}),
  log: (level, message) => {
    if (level !== 'debug') teller.tell({ kind: 'log', text: `${level}: ${message}` });
  },
});

runtime.on('state', ({ worker, changes }) => {
  const short = changes.map(({ key, json }) => [key, json === null ? null : cut(json)] as const);
  teller.tell({ kind: 'state', worker, epoch: epochOf(worker), changes: short });
});
runtime.on('tick', ({ worker, fn, tick, outcome, errorMessage }) => {
  if (fn === 'tick' || outcome !== 'ok')
    teller.tell({ kind: 'tick', worker, epoch: epochOf(worker), tick, outcome, error: errorMessage });
});
runtime.on('worker', ({ worker, to, reason, code }) => {
  if (to !== 'ticking' && to !== 'waiting') teller.tell({ kind: 'worker', worker, to, reason, code });
});
runtime.on('cell', ({ pid, event }) => teller.tell({ kind: 'cell', pid, event }));

let ending: Promise<void> | null = null;
function end(code: number): Promise<void> {
  failpoints.stopping = true;
  ending ??= (async () => {
    await runtime.stop({ graceMs: STOP_GRACE_MS });
    await teller.told();
    process.exit(code);
  })();
  return ending;
}
runtime.on('placement', ({ state }) => {
  teller.tell({ kind: 'placement', state });
  if (state === 'lost') void end(EXIT_LOST);
});
process.once('SIGTERM', () => void end(0));
createInterface({ input: process.stdin })
  .on('line', (line) => failpoints.arm(line.slice('arm '.length)))
  .once('close', () => process.kill(process.pid, 'SIGKILL'));

async function deploy(): Promise<void> {
  for (const { options } of harnessWorkers(config.python, generation).values())
    for (;;) {
      try {
        const { desired } = await runtime.deploy(options);
        if (desired === 'stopped') await runtime.startWorker(options.name);
        break;
      } catch (thrown) {
        if (ending !== null) return;
        teller.tell({ kind: 'log', text: `deploying ${options.name}: ${thrown}` });
        await sleep(DEPLOY_PAUSE_MS);
      }
    }
}

try {
  await runtime.start();
  await deploy();
} catch (thrown) {
  if (ending === null) {
    process.stderr.write(`${config.node}: ${thrown}\n`);
    process.exit(EXIT_UNAVAILABLE);
  }
}
