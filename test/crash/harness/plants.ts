/**
 * Bugs on purpose, put into a node of the harness and never into src/: a harness that does not find them finds nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommitResult, StoredCopy } from '../../../src/store/contracts.ts';
import { LeasedStateStore } from '../../../src/store/leased-state-store.ts';
import { PostgresLease } from '../../../src/store/postgres/lease.ts';
import { PostgresPool } from '../../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../../src/store/postgres/postgres-state-store.ts';
import { RedisClient, type Script } from '../../../src/store/redis/redis-client.ts';
import { type NewerFence, RedisStateStore } from '../../../src/store/redis/redis-state-store.ts';
import { COMMIT } from '../../../src/store/redis/scripts.ts';
import { DurableCalls } from '../../../src/supervisor/durable-calls.ts';
import { around } from './around.ts';

const FENCE = `if stored[1] ~= ARGV[1] then return {'fenced', stored[1], redis.call('HGET', KEYS[1], 'i')} end`;
const MISSING = `if not stored[2] then return {'stale', '0'} end`;
const STALE = `return {'stale', stored[2]}`;

export interface Plant {
  /** Rules of which a violation is this bug's doing; that a worker is slow is not one of them. */
  readonly shows: RegExp;
  readonly put: () => void;
}

const LOSS = /lost|stored|repetition|used once|placed once/;

export const PLANTS: Readonly<Record<string, Plant>> = {
  'acknowledge-before-commit': {
    shows: LOSS,
    put() {
      around(LeasedStateStore, 'commit', async (call, [commit]): Promise<CommitResult> => {
        const late = async (): Promise<void> => {
          await sleep(200);
          await call(commit);
        };
        late().catch(() => undefined);
        return { kind: 'ok' };
      });
    },
  },

  /** Whatever Redis has counts as the newest. */
  'loader-prefers-redis': {
    shows: LOSS,
    put() {
      around(RedisStateStore, 'raise', async (call, [worker, epoch]) => {
        const copy = await call(worker, epoch);
        return isCopy(copy) ? { ...copy, writtenEpoch: epoch } : copy;
      });
    },
  },

  /** Neither Redis nor Postgres looks at epoch and base, and nobody looks at the lease. */
  'unguarded-update': {
    shows: /lost|stored|repetition|used once|one node owns/,
    put() {
      withCommitScript((text) => text.replace(FENCE, '').replace(STALE, ''));
      around(PostgresPool, 'query', (call, [name, text, values]) =>
        call(name, text.replace('AND f.epoch = g.epoch AND f.revision = g.base', ''), values),
      );
      withoutLease();
    },
  },

  'checksum-ignored': {
    shows: /lost|stored|whole/,
    put() {
      const without = ({ checksum: _ignored, ...copy }: StoredCopy): StoredCopy => copy;
      around(RedisStateStore, 'raise', async (call, args) => {
        const copy = await call(...args);
        return isCopy(copy) ? without(copy) : copy;
      });
      around(PostgresStateStore, 'claim', async (call, args) => without(await call(...args)));
    },
  },

  'effect-before-state': {
    shows: /rests on|placed once|sent once/,
    put() {
      around(DurableCalls, 'perform', (call, [request, signal, commit]) =>
        call(request, signal, (need) => {
          const stored = commit(need);
          if (need !== 'durable') return stored;
          stored.catch(() => undefined);
          return Promise.resolve();
        }),
      );
    },
  },

  /** What changed is written into a hash that is not there. */
  'delta-onto-flushed': {
    shows: /whole|stored|lost/,
    put() {
      withCommitScript((text) =>
        text.replace(
          MISSING,
          `if not stored[2] then stored = {ARGV[1], ARGV[2], ''} redis.call('HSET', KEYS[1], 'e', ARGV[1]) end`,
        ),
      );
    },
  },
};

/** Puts the named one in. @throws Error for a name that is none */
export function plant(name: string): void {
  const bug = PLANTS[name];
  if (bug === undefined)
    throw new Error(`there is no planted bug ${name}; there are ${Object.keys(PLANTS).join(', ')}`);
  bug.put();
}

const isCopy = (copy: StoredCopy | NewerFence | null): copy is StoredCopy => copy !== null && 'entries' in copy;

/** Every use of the commit script runs another one. */
function withCommitScript(change: (text: string) => string): void {
  const text = change(COMMIT.text);
  if (text === COMMIT.text) throw new Error('the script of a commit is no longer what this bug changes');
  const planted = changed(text);
  around(RedisClient, 'runAll', (call, [calls]) =>
    call(calls.map((one) => (one.script === COMMIT ? { ...one, script: planted } : one))),
  );
}

/** The server knows it by no hash, so the text is sent. */
const changed = (text: string): Script => ({ text, sha: '0'.repeat(40) });

/** A node always believes that it owns its group. */
function withoutLease(): void {
  Object.defineProperty(PostgresLease.prototype, 'state', { get: () => 'held' });
}
