/**
 * Many commits in one statement, each applied or refused for itself. All rows are locked first, in one order over all nodes, and
 * judged as they are then: whoever commits or claims at the same moment comes before or after, never between.
 */
import { MiB } from '../../core/limits.ts';
import { COMMITTED, decideCommit } from '../commit-rule.ts';
import type { Commit, CommitResult, StateChange } from '../contracts.ts';
import type { BatchKind } from '../worker-queue.ts';
import { toColumn } from './nul-free.ts';
import type { PostgresPool } from './postgres-pool.ts';

/** One step of a worker's state; `revision` is above `base`, by more than one where it stands for several commits. */
export interface Advance extends Omit<Commit, 'urgent' | 'durable'> {
  /** Where another owner than that of {@link Commit.epoch} wrote the revision: it is copied. */
  readonly writtenEpoch?: bigint;
}

interface Refused {
  readonly n: number;
  readonly epoch: string | null;
  readonly revision: string | null;
  readonly commit_id: string | null;
}

const text = (schema: string): string => `
WITH given AS (
  SELECT * FROM json_to_recordset($1::json)
    AS g(n int, worker text, epoch bigint, written_epoch bigint, base bigint, revision bigint, commit_id text, checksum text, head text)
), changes AS (
  SELECT * FROM json_to_recordset($2::json) AS c(n int, key text, json text)
), found AS MATERIALIZED (
  SELECT w.id, g.n, w.epoch, w.revision, w.commit_id
    FROM "${schema}".workers w JOIN given g ON g.worker = w.worker
   WHERE w.node_group = $3 ORDER BY w.worker FOR UPDATE OF w
), done AS (
  UPDATE "${schema}".workers w
     SET written_epoch = g.written_epoch, revision = g.revision, commit_id = g.commit_id, checksum = g.checksum, head = g.head
    FROM found f JOIN given g USING (n)
   WHERE w.id = f.id AND f.epoch = g.epoch AND f.revision = g.base
  RETURNING w.id, f.n
), deleted AS (
  DELETE FROM "${schema}".state s USING done d JOIN changes c USING (n)
   WHERE c.json IS NULL AND s.worker = d.id AND s.key = c.key
), written AS (
  INSERT INTO "${schema}".state (worker, key, json)
  SELECT d.id, c.key, c.json FROM done d JOIN changes c USING (n) WHERE c.json IS NOT NULL
  ON CONFLICT (worker, key) DO UPDATE SET json = excluded.json
)
SELECT g.n, f.epoch, f.revision, f.commit_id
  FROM given g LEFT JOIN found f USING (n) LEFT JOIN done d USING (n) WHERE d.n IS NULL`;

export function commitKind(pool: PostgresPool, group: string): BatchKind<Advance, CommitResult> {
  const statement = text(pool.schema);
  const run = async (commits: readonly Advance[]): Promise<CommitResult[]> => {
    const rows = await pool.query<Refused & Record<string, unknown>>('commit', statement, [
      ...parametersOf(commits),
      group,
    ]);
    const refused = new Map(rows.map((row) => [row.n, row]));
    return commits.map((commit, n) => {
      const row = refused.get(n);
      return row === undefined ? COMMITTED : judge(row, commit);
    });
  };
  return { sizeMax: 1_000, weightMax: 4 * MiB, run: oneByOneOnFailure(run) };
}

function judge({ epoch, revision, commit_id }: Refused, commit: Advance): CommitResult {
  if (epoch === null || revision === null) return { kind: 'stale', revision: 0n };
  const stored = { epoch: BigInt(epoch), revision: BigInt(revision), commitId: commit_id };
  // One that stands for several is known again at its own revision.
  const asked = { epoch: commit.epoch, base: commit.revision - 1n, commitId: commit.commitId };
  const decision = decideCommit(stored, asked);
  return decision.kind === 'apply' ? { kind: 'stale', revision: stored.revision } : decision;
}

function parametersOf(commits: readonly Advance[]): [string, string] {
  const changes: { n: number; key: string; json: string | null }[] = [];
  const heads = commits.map(({ worker, epoch, base, revision, commitId, checksum = null, head, ...commit }, n) => {
    for (const { key, json } of lastOfEach(commit.changes))
      changes.push({ n, key: toColumn(key), json: json === null ? null : toColumn(json) });
    const written_epoch = String(commit.writtenEpoch ?? epoch);
    const big = { epoch: String(epoch), written_epoch, base: String(base), revision: String(revision) };
    return { n, worker, ...big, commit_id: commitId, checksum, head: toColumn(head) };
  });
  return [JSON.stringify(heads), JSON.stringify(changes)];
}

/** One statement writes a row once. */
function lastOfEach(changes: readonly StateChange[]): Iterable<StateChange> {
  if (changes.length < 2) return changes;
  return new Map(changes.map((change) => [change.key, change])).values();
}

/** What is wrong with the data of one must not hurt the others. */
function oneByOneOnFailure<Request, Answer>(
  run: (requests: readonly Request[]) => Promise<readonly Answer[]>,
): BatchKind<Request, Answer>['run'] {
  return async (requests) => {
    try {
      return await run(requests);
    } catch (thrown) {
      if (requests.length === 1 || !isOwn(thrown)) throw thrown;
      const answers: (Answer | Error)[] = [];
      for (const request of requests)
        answers.push(
          await run([request]).then(
            ([answer]) => answer as Answer,
            (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
          ),
        );
      return answers;
    }
  };
}

const isOwn = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'INTERNAL';
