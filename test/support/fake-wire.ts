/**
 * For tests of what a cell may say: a fake cell behind a process of its own, or behind a pool as a worker's cell. Ended after the
 * test.
 */
import { afterEach } from 'vitest';
import { type FromCell, type LoadSpec, PROTOCOL_VERSION } from '../../sandbox/protocol.ts';
import type { CellLoss } from '../../src/supervisor/cell-loss.ts';
import { CellPool } from '../../src/supervisor/cell-pool.ts';
import { CellProcess } from '../../src/supervisor/cell-process.ts';
import type { SandboxMessage } from '../../src/supervisor/cell-seats.ts';
import type { Step } from './fake-cell.ts';
import { fakeLaunch } from './fake-launch.ts';

export const MIB = 1_048_576;
export const raw = (bytes: Uint8Array): Step => ({ kind: 'raw', base64: Buffer.from(bytes).toString('base64') });
export const header = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
};

const open = new Set<{ end(): void }>();
afterEach(() => {
  for (const one of open) one.end();
  open.clear();
});

export interface Heard {
  readonly messages: FromCell[];
  readonly cell: CellProcess;
  readonly closed: Promise<string>;
}

export function startFake(steps: readonly Step[], onMessage: (message: FromCell) => void = () => undefined): Heard {
  const messages: FromCell[] = [];
  let close: (reason: string) => void = () => undefined;
  const closed = new Promise<string>((resolve) => {
    close = resolve;
  });
  const cell = new CellProcess(fakeLaunch(steps), {
    onMessage(message) {
      if (messages.length < 100) messages.push(message);
      onMessage(message);
    },
    onClosed: close,
  });
  open.add({ end: () => cell.kill('the test is over') });
  return { messages, cell, closed };
}

const SPEC = {
  worker: 'default/w',
  name: 'w',
  version: '1',
  language: 'javascript',
  entry: 'w.js',
  params: {},
  connected: {},
  capabilities: [],
  unconnected: {},
  state: [],
  limits: { memoryBytes: 64 * 1_048_576 },
} as unknown as LoadSpec;

export interface Seat {
  readonly messages: SandboxMessage[];
  readonly lost: Promise<CellLoss>;
  readonly heard: (kind: SandboxMessage['kind']) => Promise<SandboxMessage>;
}

export function createPool(steps: readonly Step[]): { pool: CellPool; reasons: string[]; place: () => Promise<Seat> } {
  const reasons: string[] = [];
  const pool = new CellPool(
    {
      launch: () => fakeLaunch(steps),
      init: (backend, slots) => ({ kind: 'init', protocol: PROTOCOL_VERSION, backend, prelude: '', slots }),
      prepare: async () => undefined,
      cellsMax: 4,
      workersPerCell: { isolate: 10, pyodide: 10 },
      growthBytes: 512 * MIB,
      recycle: { ageMs: 3_600_000, runs: 1e9 },
      onEvent: ({ event, reason }) => {
        if (event === 'lost') reasons.push(reason ?? '');
      },
    },
    4,
  );
  open.add({ end: () => void pool.close() });
  return { pool, reasons, place: () => place(pool) };
}

async function place(pool: CellPool): Promise<Seat> {
  const messages: SandboxMessage[] = [];
  const waiting: { kind: string; resolve: (message: SandboxMessage) => void }[] = [];
  let lose: (loss: CellLoss) => void = () => undefined;
  const lost = new Promise<CellLoss>((resolve) => {
    lose = resolve;
  });
  await pool.place(
    { workspace: 'default', backend: 'isolate', purpose: 'shared', spec: SPEC },
    {
      onMessage(message) {
        messages.push(message);
        for (const { kind, resolve } of waiting) if (kind === message.kind) resolve(message);
      },
      onLost: lose,
    },
  );
  const heard = (kind: SandboxMessage['kind']): Promise<SandboxMessage> =>
    new Promise((resolve) => {
      const already = messages.find((message) => message.kind === kind);
      if (already === undefined) waiting.push({ kind, resolve });
      else resolve(already);
    });
  return { messages, lost, heard };
}
