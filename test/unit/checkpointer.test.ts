import { describe, expect, test } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import type { CommitResult } from '../../src/store/contracts.ts';
import type { Advance } from '../../src/store/postgres/commit-statement.ts';
import type { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { Checkpointer } from '../../src/store/synced/checkpointer.ts';
import { SyncTrack } from '../../src/store/synced/sync-track.ts';
import { plainCommit } from '../support/commits.ts';
import { FakeClock } from '../support/fake-clock.ts';

const OK: CommitResult = { kind: 'ok' };
const AWAY = new RuntimeError('STORE_UNAVAILABLE', 'Postgres cannot do this now: gone');

/** What the checkpointer needs of Postgres, and does as the test says. */
function stage(charactersMax = 1_000) {
  const clock = new FakeClock();
  const steps: Advance[] = [];
  const said: string[] = [];
  let answer: (step: Advance) => Promise<CommitResult> = async () => OK;
  const durable: Pick<PostgresStateStore, 'advance'> = {
    advance(step) {
      steps.push(step);
      return answer(step);
    },
  };
  const checkpoints = new Checkpointer({
    durable: durable as PostgresStateStore,
    clock,
    checkpointMs: 5_000,
    charactersMax,
    log: (level, message) => said.push(`${level}: ${message}`),
  });
  const track = (worker: string): SyncTrack =>
    new SyncTrack(worker, 1n, { revision: 0n, commitId: '', head: '', checksum: undefined });
  const commit = (of: SyncTrack, key = 'n', json = '1'): void => {
    of.note(plainCommit(of.worker, of.latest.revision, [{ key, json }]), clock.monoMs());
    checkpoints.note(of);
  };
  const postgres = (next: (step: Advance) => Promise<CommitResult>): void => {
    answer = next;
  };
  return { clock, steps, said, checkpoints, track, commit, postgres };
}

const workersOf = (steps: readonly Advance[]): readonly string[] => steps.map(({ worker }) => worker);

describe('the track of a worker', () => {
  test('takes all that Postgres lacks as one step, later changes over earlier ones, and counts what waits', () => {
    const { track } = stage();
    const a = track('a');
    a.note(
      plainCommit('a', 0n, [
        { key: 'x', json: '11' },
        { key: 'y', json: '2' },
      ]),
      7,
    );
    a.note(plainCommit('a', 1n, [{ key: 'x', json: null }]), 8);
    // A repetition.
    a.note(plainCommit('a', 1n, [{ key: 'x', json: '"again"' }]), 9);
    expect([a.behindSince, a.characters]).toEqual([7, 3]);
    const step = a.take();
    expect(step).toMatchObject({ base: 0n, revision: 2n, commitId: '1-2', head: '{"tick":2}' });
    expect(step.changes).toEqual([
      { key: 'x', json: null },
      { key: 'y', json: '2' },
    ]);
    a.landed(step);
    expect([a.behindSince, a.characters, a.synced]).toEqual([null, 0, 2n]);
  });

  test('sends the very same step again until it is known, whatever comes meanwhile', () => {
    const { track } = stage();
    const a = track('a');
    a.note(plainCommit('a', 0n, [{ key: 'x', json: '1' }]), 7);
    const step = a.take();
    a.note(plainCommit('a', 1n, [{ key: 'x', json: '22' }]), 8);
    expect(a.take()).toBe(step);
    expect(a.characters).toBe(5);
    a.landed(step);
    expect([a.behindSince, a.characters]).toEqual([8, 3]);
    expect(a.take()).toMatchObject({ base: 1n, revision: 2n, changes: [{ key: 'x', json: '22' }] });
  });
});

describe('checkpoints', () => {
  test('come when a worker has been behind for the interval, its commits in one step', async () => {
    const { clock, steps, checkpoints, track, commit } = stage();
    const [a, b] = [track('a'), track('b')];
    commit(a);
    await clock.advanceAsync(3_000);
    commit(a, 'm');
    commit(b);
    await clock.advanceAsync(1_500);
    expect(steps).toEqual([]);
    expect(checkpoints.behindMs).toBe(4_500);
    await clock.advanceAsync(1_000);
    expect(workersOf(steps)).toEqual(['a']);
    expect(steps[0]).toMatchObject({ base: 0n, revision: 2n });
    await clock.advanceAsync(3_000);
    expect(workersOf(steps)).toEqual(['a', 'b']);
    expect([checkpoints.behindMs, checkpoints.lag()]).toEqual([0, null]);
    await clock.advanceAsync(60_000);
    expect(steps).toHaveLength(2);
  });

  test('do not wait for the interval above the bound of what may wait', async () => {
    const { clock, steps, checkpoints, track, commit } = stage(100);
    commit(track('a'), 'n', `"${'x'.repeat(200)}"`);
    await clock.advanceAsync(500);
    expect(workersOf(steps)).toEqual(['a']);
    await clock.advanceAsync(500);
    expect(checkpoints.full).toBe(false);
  });

  test('of one worker that Postgres never takes do not keep the others from theirs, nor count as an outage', async () => {
    const { clock, steps, checkpoints, track, commit, postgres } = stage();
    const [stuck, other] = [track('stuck'), track('other')];
    postgres((step) => (step.worker === 'stuck' ? Promise.reject(AWAY) : Promise.resolve(OK)));
    commit(stuck);
    for (let second = 0; second < 120; second++) {
      commit(other);
      await clock.advanceAsync(1_000);
    }
    expect(steps.filter(({ worker }) => worker === 'other').length).toBeGreaterThan(8);
    expect(other.latest.revision - other.synced).toBeLessThan(25n);
    expect(stuck.synced).toBe(0n);
    expect(checkpoints.awayMs).toBeLessThan(20_000);
    expect(checkpoints.behindMs).toBeGreaterThan(100_000);
  });

  test('are tried again by one worker after the other with growing pauses while Postgres is away, as the same steps, and the lag is told', async () => {
    const { clock, steps, said, checkpoints, track, commit, postgres } = stage();
    const [a, b] = [track('a'), track('b')];
    postgres(() => Promise.reject(AWAY));
    commit(a, 'n', '1234');
    commit(b);
    await clock.advanceAsync(5_000);
    expect(workersOf(steps)).toEqual(['a', 'b']);
    expect(checkpoints.lag()).toEqual({ sinceMs: 5_000, workers: 2, characters: 7, reason: AWAY.message });
    // 5 s are the longest pause by the look of the clock every half second.
    await clock.advanceAsync(30_000);
    const probes = steps.slice(2);
    expect(new Set(workersOf(probes))).toEqual(new Set(['a', 'b']));
    expect(probes.length).toBeGreaterThanOrEqual(6);
    expect(probes.length).toBeLessThanOrEqual(10);
    expect(probes.every((step) => step === steps[0] || step === steps[1])).toBe(true);
    expect(said).toEqual([`warn: a checkpoint failed and is tried again: ${AWAY.message}`]);
    postgres(async () => OK);
    await clock.advanceAsync(11_000);
    expect(said.slice(1)).toEqual([
      expect.stringMatching(
        /^info: Postgres answers again after 3\d(\.\d)? s; it lacked changes of up to 2 workers \(7 characters\), for up to [34]\d(\.\d)? s; checkpoints go on$/,
      ),
    ]);
    expect([checkpoints.behindMs, checkpoints.lag()]).toEqual([0, null]);
  });

  test('are told about once a minute while Postgres is away, and once more after it', async () => {
    const { clock, said, track, commit, postgres } = stage();
    postgres(() => Promise.reject(AWAY));
    commit(track('a'), 'n', '1234');
    await clock.advanceAsync(200_000);
    const still =
      /^warn: Postgres still lacks the last changes of 1 worker \(5 characters\), the first since \d{4}-.*Z: Postgres cannot/;
    expect(said).toEqual([
      expect.stringContaining('a checkpoint failed'),
      ...Array.from({ length: 3 }, () => expect.stringMatching(still)),
    ]);
    postgres(async () => OK);
    await clock.advanceAsync(11_000);
    postgres(() => Promise.reject(AWAY));
    commit(track('b'));
    await clock.advanceAsync(10_000);
    expect(said.slice(4)).toEqual([
      expect.stringContaining('Postgres answers again after'),
      expect.stringContaining('a checkpoint failed'),
    ]);
  });

  test('that Postgres does not answer at all are a lag, and are told, before any of them has failed', async () => {
    const { clock, said, checkpoints, track, commit, postgres } = stage();
    const answer = Promise.withResolvers<CommitResult>();
    postgres(() => answer.promise);
    commit(track('a'));
    await clock.advanceAsync(6_000);
    expect([checkpoints.lag(), said]).toEqual([null, []]);
    await clock.advanceAsync(1_500);
    expect(checkpoints.lag()).toMatchObject({ sinceMs: 7_500, workers: 1, characters: 2 });
    expect(said).toEqual([
      expect.stringMatching(/^warn: a checkpoint is overdue: Postgres has not answered for 2(\.\d)? s/),
    ]);
    answer.resolve(OK);
    await clock.advanceAsync(1_000);
    expect(checkpoints.lag()).toBeNull();
    expect(said.slice(1)).toEqual([expect.stringContaining('Postgres answers again after 2')]);
  });

  test('of a worker that is dropped, the last one that waits for Postgres, end what was known of an outage', async () => {
    const { clock, steps, said, checkpoints, track, commit, postgres } = stage();
    postgres(() => Promise.reject(AWAY));
    const a = track('a');
    commit(a);
    await clock.advanceAsync(10_000);
    expect(checkpoints.awayMs).toBeGreaterThan(0);
    checkpoints.drop(a);
    expect([checkpoints.awayMs, checkpoints.lag()]).toEqual([0, null]);
    expect(said.at(-1)).toMatch(/^info: nothing waits for Postgres any more, which took no checkpoint for 5 s$/);
    // One that fails after its worker was dropped says nothing of the others.
    const answer = Promise.withResolvers<CommitResult>();
    postgres(() => answer.promise);
    const b = track('b');
    commit(b);
    await clock.advanceAsync(6_000);
    checkpoints.drop(b);
    answer.reject(AWAY);
    await clock.advanceAsync(10_000);
    expect([checkpoints.awayMs, checkpoints.lag(), workersOf(steps).at(-1)]).toEqual([0, null, 'b']);
    expect(said.at(-1)).toContain('nothing waits');
  });

  test('that come one after the other while many wait are not a silence', async () => {
    const { clock, said, checkpoints, track, commit, postgres } = stage(100_000);
    let last: Promise<unknown> = Promise.resolve();
    postgres(() => {
      const mine = last.then(() => new Promise<CommitResult>((resolve) => clock.after(100, () => resolve(OK))));
      last = mine;
      return mine;
    });
    for (let n = 0; n < 50; n++) commit(track(`w${n}`));
    await clock.advanceAsync(9_000);
    expect(said).toEqual([]);
    // It is late all the same, and somebody who asks is told.
    expect(checkpoints.lag()).toMatchObject({ sinceMs: 9_000 });
    await clock.advanceAsync(3_000);
    expect(checkpoints.lag()).toBeNull();
  });

  test('that are refused are told once, hold up nobody, and are known to the next commit', async () => {
    const { clock, steps, said, checkpoints, track, commit, postgres } = stage();
    const a = track('a');
    postgres(async () => ({ kind: 'stale', revision: 7n }));
    commit(a);
    await clock.advanceAsync(60_000);
    expect(steps).toHaveLength(1);
    expect(a.refused).toEqual({ kind: 'stale', revision: 7n });
    expect(checkpoints.behindMs).toBe(0);
    expect(said).toEqual([expect.stringContaining('error: Postgres refused a checkpoint of worker a (stale)')]);
    const b = track('b');
    postgres(async () => ({ kind: 'fenced', epoch: 2n }));
    commit(b);
    await clock.advanceAsync(6_000);
    expect(b.refused).toEqual({ kind: 'fenced', epoch: 2n });
    expect(said).toHaveLength(1);
  });
});

describe('a sync', () => {
  test('waits for what is under way, and for all that Redis had at the call', async () => {
    const { steps, checkpoints, track, commit, postgres } = stage();
    const a = track('a');
    const gates: ((result: CommitResult) => void)[] = [];
    postgres(
      () =>
        new Promise((resolve) => {
          gates.push(resolve);
        }),
    );
    commit(a);
    const first = checkpoints.sync(a);
    await Promise.resolve();
    commit(a, 'm');
    const second = checkpoints.sync(a);
    gates[0]?.(OK);
    expect(await first).toEqual(OK);
    await expect.poll(() => gates.length).toBe(2);
    gates[1]?.(OK);
    expect(await second).toEqual(OK);
    expect(steps.map(({ revision }) => revision)).toEqual([1n, 2n]);
    expect(await checkpoints.sync(a)).toEqual(OK);
    expect(steps).toHaveLength(2);
  });

  test('is rejected while Postgres is away, and says what Postgres refuses', async () => {
    const { checkpoints, track, commit, postgres } = stage();
    const a = track('a');
    commit(a);
    postgres(() => Promise.reject(AWAY));
    await expect(checkpoints.sync(a)).rejects.toBe(AWAY);
    postgres(async () => ({ kind: 'fenced', epoch: 5n }));
    expect(await checkpoints.sync(a)).toEqual({ kind: 'fenced', epoch: 5n });
  });
});

describe('a close', () => {
  test('writes what is behind', async () => {
    const { steps, said, checkpoints, track, commit } = stage();
    commit(track('a'));
    await checkpoints.close(1_000);
    expect([workersOf(steps), said]).toEqual([['a'], []]);
  });

  test('ends at its limit, and names what Postgres lacks', async () => {
    const { clock, said, checkpoints, track, commit, postgres } = stage();
    postgres(() => new Promise(() => undefined));
    commit(track('a'));
    const closed = checkpoints.close(1_000);
    await clock.advanceAsync(1_000);
    await closed;
    expect(said).toEqual(['error: closed while Postgres lacks the last changes of 1 workers; Redis has them']);
    expect(clock.pending).toBe(0);
  });
});
