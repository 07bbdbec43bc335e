/** The command's end of the control channel. */
import { connect, type Socket } from 'node:net';
import { ERRORS, type ErrorCode, RuntimeError } from '../../core/errors.ts';
import { LINE_BYTES_MAX, LineReader } from './lines.ts';
import type { InputOf, MethodName, ResultOf } from './methods.ts';
import { findPlace } from './place.ts';

export interface Caller {
  call<Name extends MethodName>(name: Name, input: InputOf<Name>): Promise<ResultOf<Name>>;
  close(): Promise<void>;
}

const CONNECT_MS_MAX = 5_000;
const UNKNOWN =
  'Whether the change was taken is not known: look with `runtime state list` or `runtime state get` before you give it again.';
/** The longest tick, and what else an order may wait for. */
const ANSWER_MS_MAX = 3_700_000;

/** Null where no node listens for this data folder. */
export async function connectControl(dataDir: string): Promise<Caller | null> {
  const socket = await open(findPlace(dataDir));
  if (socket === null) return null;
  const client = new ControlClient(socket);
  await client.call('hello', {}, CONNECT_MS_MAX);
  return client;
}

function open(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // A node that has ended, or was killed, or never was.
      if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ENOTDIR'].includes(error.code ?? '')) resolve(null);
      else reject(new RuntimeError('DATA_UNUSABLE', `The control socket ${path} cannot be opened: ${error.message}.`));
    });
  });
}

/** What an order may have done by the time its answer is missed. */
const CHANGING: ReadonlySet<MethodName> = new Set(['write', 'replace', 'resolve', 'rename']);

interface Open {
  readonly id: number;
  readonly name: MethodName;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: RuntimeError) => void;
}

class ControlClient implements Caller {
  readonly #socket: Socket;
  readonly #reader = new LineReader(LINE_BYTES_MAX);
  #open: Open | null = null;
  #last = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.removeAllListeners('error');
    socket.on('error', () => this.#fail('the connection broke'));
    socket.on('close', () => this.#fail('it closed the connection'));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  async call<Name extends MethodName>(
    name: Name,
    input: InputOf<Name>,
    limitMs = ANSWER_MS_MAX,
  ): Promise<ResultOf<Name>> {
    const id = ++this.#last;
    const line = `${JSON.stringify({ id, method: name, params: input })}\n`;
    if (Buffer.byteLength(line) > LINE_BYTES_MAX)
      throw new RuntimeError('STATE_LIMIT', 'The state is too large for the control channel; stop the runtime first.');
    const timer = setTimeout(() => this.#fail(`it did not answer within ${limitMs / 1_000} s`, true), limitMs);
    try {
      const answer = new Promise<unknown>((resolve, reject) => {
        this.#open = { id, name, resolve, reject };
      });
      this.#socket.write(line);
      return (await answer) as ResultOf<Name>;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#open = null;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    try {
      for (const line of this.#reader.push(chunk)) this.#onAnswer(JSON.parse(line) as Record<string, unknown>);
    } catch (error) {
      this.#fail(`its answer cannot be read (${(error as Error).message})`);
    }
  }

  #onAnswer({ id, result, error }: Record<string, unknown>): void {
    const open = this.#open;
    if (open === null || (id !== null && id !== open.id)) return;
    this.#open = null;
    if (error === undefined) open.resolve(result);
    else open.reject(errorOf(error));
  }

  /** `isThere`: it runs, as far as anybody can tell. */
  #fail(why: string, isThere = false): void {
    const open = this.#open;
    this.#open = null;
    this.#socket.destroy();
    if (open === null) return;
    const text = `The running node gave no answer: ${why}.`;
    open.reject(
      CHANGING.has(open.name)
        ? new RuntimeError('STORE_UNAVAILABLE', `${text} ${UNKNOWN}`)
        : new RuntimeError(isThere ? 'STORE_UNAVAILABLE' : 'NOT_RUNNING', text),
    );
  }
}

function errorOf(given: unknown): RuntimeError {
  const { code, message, details } = given as { code?: unknown; message?: unknown; details?: Record<string, unknown> };
  const known: ErrorCode = typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'INTERNAL';
  return new RuntimeError(known, String(message), details === undefined ? {} : { details });
}
