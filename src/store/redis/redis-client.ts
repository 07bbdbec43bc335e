/**
 * One connection to Redis, however it is deployed. Nothing is queued while it is away, nothing is sent again by itself: what was
 * under way when a connection broke has an unknown outcome, and whoever asked repeats it or not.
 */
import type { Socket } from 'node:net';
import { type ChainableCommander, Cluster, type Redis } from 'ioredis';
import { RuntimeError } from '../../core/errors.ts';
import type { RedisStoreOptions } from '../../runtime.ts';
import { AnswerWatch } from './answer-watch.ts';
import { CONNECT_MS_MAX, createClient } from './create-client.ts';
import { openError, rootReason, tellingReason } from './redis-error.ts';
import { parseRedisUrl, type RedisAddress } from './redis-url.ts';

/** `prefix` begins every key. */
export type ConnectOptions = RedisStoreOptions & { readonly prefix: string };

export type RedisLog = (level: 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

/** 6.2.0 */
const VERSION_MIN = [6, 2] as const;

export class RedisClient {
  readonly prefix: string;
  /** Without user and password. */
  readonly where: string;
  readonly #client: Redis | Cluster;
  readonly #isSingle: boolean;
  readonly #answers: AnswerWatch;
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #breaks = 0;
  #lastError: string | null = null;

  private constructor(address: RedisAddress, settings: ConnectOptions, log: RedisLog) {
    this.prefix = settings.prefix;
    this.where = address.shown;
    this.#isSingle = address.kind === 'single';
    this.#client = createClient(address, settings);
    this.#answers = new AnswerWatch({
      connections: () =>
        this.#nodes.flatMap(({ stream, commandQueue }) =>
          stream === undefined ? [] : [{ socket: stream as Socket, isAwaited: commandQueue.length > 0 }],
        ),
      onLate: (reason) => this.#failed(new Error(reason)),
    });
    let told = '';
    this.#client.on('error', (error: Error) => {
      this.#lastError = tellingReason(this.#lastError, rootReason(error));
      // One line for each new reason, not for each attempt. What keeps it from opening is told by the error of that.
      if (this.#state !== 'open' || this.#lastError === told) return;
      log('warn', `Redis at ${this.where}: ${this.#lastError}`);
      told = this.#lastError;
    });
    this.#client.on('close', () => {
      this.#breaks += 1;
    });
    const onReady = (): void => {
      this.#lastError = null;
      told = '';
    };
    this.#client.on('ready', onReady);
    // Of one server of a cluster.
    this.#client.on('node error', (error: Error) => {
      this.#lastError = tellingReason(this.#lastError, rootReason(error));
    });
    this.#client.on('+node', (node: Redis) => node.on('ready', onReady));
  }

  /**
   * The same number for as long as the one connection lasts: no server that was put back or replaced has come between. Of a cluster, and
   * behind sentinels, others may write to another server meanwhile: null.
   */
  get connection(): number | null {
    return this.#isSingle ? this.#breaks : null;
  }

  /** Connects. @throws RuntimeError CONFIG_INVALID, STORE_UNAVAILABLE, STORE_UNUSABLE */
  static async open(settings: ConnectOptions, log: RedisLog): Promise<RedisClient> {
    const address = parseRedisUrl(settings.url);
    const client = new RedisClient(address, settings, log);
    try {
      await client.#connect();
      await client.#checkDatabase(address.db);
      await client.#checkVersion();
      client.#state = 'open';
      return client;
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  /**
   * Many scripts in one write for each server that gets some. Their replies, with an Error in the place of one that failed alone; of a
   * cluster a promise of each, as one of its servers may be silent.
   * @throws RuntimeError STORE_UNAVAILABLE: the outcome of all is unknown
   */
  async runAll(calls: readonly SizedCall[]): Promise<readonly unknown[]> {
    const client = this.#client;
    if (client instanceof Cluster) return this.#sendEach(calls);
    const bytes = calls.reduce((sum, call) => sum + call.bytes, 0);
    const pipeline = client.pipeline();
    for (const { script, key, args } of calls) pipeline.evalsha(script.sha, 1, key, ...(args as (string | number)[]));
    return this.within(this.#replies(pipeline.exec(), calls), bytes);
  }

  /**
   * In a cluster every command is on its own: those of a pipeline are followed to where their slots have moved only if all are sent on
   * to the same place.
   */
  #sendEach(calls: readonly SizedCall[]): readonly Promise<unknown>[] {
    const streams = this.#masters.flatMap(({ stream }: Connected) => stream ?? []);
    for (const stream of streams) stream.cork();
    const replies = calls.map((call) => {
      const reply = this.#answers.within(this.#run(call), call.bytes, (socket) => this.#awaits(socket, call.key));
      return reply.catch((thrown: unknown) => this.#failed(thrown));
    });
    for (const stream of streams) stream.uncork();
    return replies;
  }

  /** A command for this key is not answered there. */
  #awaits(socket: Socket, key: string): boolean {
    const node = this.#nodes.find(({ stream }) => stream === socket);
    return node?.commandQueue.toArray().some(({ command }) => command.args.includes(key)) ?? false;
  }

  async #replies(
    sent: ReturnType<ChainableCommander['exec']>,
    calls: readonly ScriptCall[],
  ): Promise<readonly unknown[]> {
    let replies: Awaited<typeof sent>;
    try {
      replies = await sent;
    } catch (thrown) {
      throw this.#failed(thrown);
    }
    return Promise.all(
      calls.map((call, index) => {
        const [error, reply] = replies?.[index] ?? [new Error('it did not answer')];
        if (error === null) return reply;
        return isMissingScript(error) ? this.#run(call) : this.#failed(error);
      }),
    );
  }

  /** The reply, or the error. */
  async #run({ script, key, args }: ScriptCall): Promise<unknown> {
    const values = args as (string | number)[];
    try {
      return await this.#client.evalsha(script.sha, 1, key, ...values);
    } catch (thrown) {
      if (!isMissingScript(thrown)) return this.#failed(thrown);
    }
    return this.#client.eval(script.text, 1, key, ...values).catch((thrown: unknown) => this.#failed(thrown));
  }

  /**
   * Waits for `work`, which uses this client and sends about so many bytes. A server that does not answer at all gets its connection cut:
   * what hangs on it fails, and the next attempt begins with a new one.
   */
  within<T>(work: Promise<T>, bytes = 0): Promise<T> {
    return this.#answers.within(work, bytes);
  }

  /** One script by its text, and by its SHA-1 as well, since a user may lack the right to either; for a start. @throws RuntimeError STORE_UNAVAILABLE, STORE_UNUSABLE */
  async probe({ script, key, args }: ScriptCall): Promise<unknown> {
    const values = args as (string | number)[];
    try {
      const reply = await this.within(this.#client.eval(script.text, 1, key, ...values));
      await this.within(this.#client.evalsha(script.sha, 1, key, ...values));
      return reply;
    } catch (thrown) {
      throw this.#openError(thrown);
    }
  }

  /** Every master; for a start. @throws RuntimeError STORE_UNAVAILABLE, STORE_UNUSABLE */
  async info(section: string): Promise<readonly ReadonlyMap<string, string>[]> {
    try {
      return (await this.within(Promise.all(this.#masters.map((node) => node.info(section))))).map(parseInfo);
    } catch (thrown) {
      throw this.#openError(thrown);
    }
  }

  /** All keys that begin with prefix and `kind`. @throws RuntimeError STORE_UNAVAILABLE */
  async keys(kind: string): Promise<readonly string[]> {
    const match = `${globLiteral(`${this.prefix}:${kind}:`)}*`;
    const found = new Set<string>();
    try {
      for (const node of this.#masters) {
        let cursor = '0';
        do {
          const [next, keys] = await this.within(node.scan(cursor, 'MATCH', match, 'COUNT', 1_000));
          for (const key of keys) found.add(key);
          cursor = next;
        } while (cursor !== '0');
      }
    } catch (thrown) {
      throw this.#failed(thrown);
    }
    return [...found].sort();
  }

  close(): void {
    this.#state = 'closed';
    this.#client.disconnect();
  }

  /** Replicas too. A stream is there once it was connected. */
  get #nodes(): readonly Connected[] {
    return this.#client instanceof Cluster ? this.#client.nodes() : [this.#client];
  }

  get #masters(): readonly Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
  }

  async #connect(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#client.once('ready', resolve);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const silent = new Error(`no answer within ${CONNECT_MS_MAX / 1_000} s`);
      timer = setTimeout(() => reject(this.#openError(this.#lastError === null ? silent : null)), CONNECT_MS_MAX);
    });
    // Its rejection is the first attempt's; `ready` or the limit decides, and the limit is not waited for in vain.
    const refused = this.#client.connect().catch((thrown: unknown) => {
      throw this.#openError(thrown);
    });
    try {
      await Promise.race([promise, late, refused]);
    } finally {
      clearTimeout(timer);
      late.catch(() => undefined);
      refused.catch(() => undefined);
    }
  }

  /** The client itself goes on with another database where it was not given this one. */
  async #checkDatabase(db: number): Promise<void> {
    if (this.#client instanceof Cluster || db === 0) return;
    try {
      await this.within(this.#client.select(db));
    } catch (thrown) {
      throw this.#openError(thrown);
    }
  }

  async #checkVersion(): Promise<void> {
    for (const info of await this.info('server')) {
      const version = info.get('redis_version') ?? '0';
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1])) continue;
      const text = `Redis at ${this.where} is version ${version}; this release needs ${VERSION_MIN.join('.')} or newer.`;
      throw new RuntimeError('STORE_UNUSABLE', text);
    }
  }

  #openError(thrown: unknown): RuntimeError {
    if (thrown instanceof RuntimeError) return thrown;
    const reason = thrown === null ? this.#lastError : tellingReason(this.#lastError, rootReason(thrown));
    return openError(reason ?? 'it ended the connection', this.where, `${this.prefix}:*`);
  }

  #failed(thrown: unknown): RuntimeError {
    if (thrown instanceof RuntimeError) return thrown;
    const reason = tellingReason(this.#lastError, rootReason(thrown));
    return new RuntimeError('STORE_UNAVAILABLE', `Redis cannot do this now: ${reason}`, { cause: thrown });
  }
}

type Connected = Omit<Redis, 'stream'> & { readonly stream?: Redis['stream'] };

export interface ScriptCall {
  readonly script: Script;
  readonly key: string;
  readonly args: readonly (string | number)[];
}

/** `bytes`: about, of the request. */
export type SizedCall = ScriptCall & { readonly bytes: number };

/** A Lua script with its SHA-1, by which the server knows it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

const isMissingScript = (thrown: unknown): boolean => thrown instanceof Error && thrown.message.startsWith('NOSCRIPT');

const globLiteral = (text: string): string => text.replaceAll(/[\\*?[\]^-]/g, '\\$&');

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
