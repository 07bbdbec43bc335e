/** What the two stores do with a request: each function is one atomic step (a statement of Postgres, a script of Redis). */
import {
  commonLength,
  compareVersions,
  type Reply,
  type Request,
  type Row,
  type Rules,
  type State,
} from './state-protocol.ts';

export function executeRequest(state: State, request: Request, rules: Rules): { next: State; reply: Reply } {
  switch (request.op) {
    case 'commit-redis':
      return onRedis(state, commitToRedis(state.redis, request, rules));
    case 'replace-redis':
    case 'repair-redis':
      return onRedis(state, overwriteRedis(state.redis, request, rules));
    case 'commit-postgres':
    case 'checkpoint-postgres':
      return onPostgres(state, request, commitToPostgres(state.postgres, request, rules), rules);
    case 'replace-postgres':
      return onPostgres(state, request, replaceInPostgres(state.postgres, request, rules), rules);
    case 'repair-postgres':
      return onPostgres(state, request, repairPostgres(state.postgres, request), rules);
  }
}

type Outcome = Row | Reply;

function onRedis(state: State, outcome: Outcome): { next: State; reply: Reply } {
  return typeof outcome === 'string'
    ? { next: state, reply: outcome }
    : { next: { ...state, redis: outcome }, reply: 'ok' };
}

function onPostgres(state: State, request: Request, outcome: Outcome, rules: Rules): { next: State; reply: Reply } {
  if (typeof outcome === 'string') return { next: state, reply: outcome };
  let wrong = '';
  if (rules.promisesOnly) wrong = '';
  else if (request.epoch < state.done)
    wrong = `I2: Postgres takes a write of epoch ${request.epoch} after epoch ${state.done} had loaded`;
  else if (compareVersions(outcome, state.postgres) < 0) wrong = 'I2: the version in Postgres goes back';
  return { next: keep({ ...state, postgres: outcome, wrong }), reply: 'ok' };
}

/** What Postgres has held of the acknowledged lineage is never to be lost. */
export function keep(state: State): State {
  const held = commonLength(state.acked, state.postgres.lineage);
  return held > state.kept ? { ...state, kept: held } : state;
}

function commitToRedis(hash: Row | null, request: Request, rules: Rules): Outcome {
  const { epoch, base, revision, content } = request;
  if (hash === null) return rules.deltaOnMissing ? { fence: epoch, epoch, revision, lineage: content } : 'stale';
  if (hash.fence > epoch) return 'fenced';
  if (hash.fence < epoch) return rules.lowerFenceIsFenced ? 'fenced' : 'stale';
  if (hash.revision === base) return { fence: epoch, epoch, revision, lineage: hash.lineage + content };
  return hash.revision === revision && hash.lineage.endsWith(content) ? 'ok' : 'stale';
}

/** Never an older version over a newer one of the same epoch: a stray may be executed after its successor. */
function overwriteRedis(hash: Row | null, request: Request, rules: Rules): Outcome {
  const { epoch, written, revision, content } = request;
  const row: Row = { fence: epoch, epoch: written, revision, lineage: content };
  if (hash === null) return row;
  if (hash.fence > epoch) return 'fenced';
  if (!rules.redisOverwriteUnguarded && hash.fence === epoch && compareVersions(hash, row) > 0) return 'stale';
  return row;
}

function commitToPostgres(row: Row, request: Request, rules: Rules): Outcome {
  const { op, epoch, base, revision, content } = request;
  if (rules.checkpointOverwrites && op === 'checkpoint-postgres')
    return { fence: row.fence, epoch, revision, lineage: content };
  if (row.fence !== epoch && !rules.postgresIgnoresFence) return 'fenced';
  const applied = row.epoch === epoch && row.revision === revision && row.lineage.endsWith(content);
  if (applied && !rules.postgresKnowsNoRetry) return 'ok';
  if (row.revision !== base && !rules.postgresIgnoresBase) return 'stale';
  return { fence: row.fence, epoch, revision, lineage: row.lineage + content };
}

function replaceInPostgres(row: Row, request: Request, rules: Rules): Outcome {
  const { epoch, revision, content } = request;
  if (row.fence > epoch) return 'fenced';
  if (row.epoch === epoch && row.revision === revision && row.lineage === content) return 'ok';
  if (row.revision < revision) return { fence: epoch, epoch, revision, lineage: content };
  return rules.postgresReplaceUnguarded
    ? { fence: epoch, epoch, revision: row.revision + 1, lineage: content }
    : 'stale';
}

function repairPostgres(row: Row, request: Request): Outcome {
  const { epoch, written, revision, content } = request;
  if (row.fence !== epoch) return 'fenced';
  const version = { epoch: written, revision };
  if (compareVersions(row, version) > 0) return 'stale';
  return { fence: epoch, ...version, lineage: content };
}
