/**
 * The embedded state store under load: every worker has one commit in flight and sends the next when it is acknowledged.
 * The peer is what a store without a thread would be: the same schema and durability, one synchronous transaction per
 * commit on the main thread.
 *
 *   node bench/store.bench.ts [workers=1000] [commits=200000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Commit } from '../src/store/contracts.ts';
import { EmbeddedRecordStore } from '../src/store/embedded/record-client.ts';
import { EmbeddedStateStore } from '../src/store/embedded/state-client.ts';
import { StateDatabase } from '../src/store/embedded/state-database.ts';

const [workers = 1_000, commits = 200_000] = process.argv.slice(2).map(Number);
const PEER_COMMITS = 5_000;
const TICKS = 200_000;

/** About what the engine keeps of a worker. */
const HEAD = JSON.stringify({
  desired: 'running',
  actual: 'waiting',
  startId: '01JABCDEF0123456789',
  setupDone: '01JABCDEF0123456789',
  version: 'sha256:0123456789abcdef',
  anchor: 1_790_000_000_000,
  tick: 12_345,
  consecutiveErrors: 0,
  lastOutcome: 'ok',
  options: { maxErrors: 5, schedule: { kind: 'interval', ms: 1_000 } },
});

function commitOf(worker: number, epoch: bigint, base: bigint): Commit {
  return {
    worker: `default/worker-${worker}`,
    epoch,
    base,
    revision: base + 1n,
    commitId: `${worker}-${base}`,
    head: HEAD,
    changes: [{ key: 'counter', json: String(base) }],
  };
}

function at(sorted: Float64Array, share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2);
}

async function measureStore(folder: string): Promise<number> {
  let groups = 0;
  const store = await EmbeddedStateStore.open({
    log: console.error,
    spawn: () => {
      const thread = new Worker(new URL('../src/store/embedded/state-thread.ts', import.meta.url), {
        workerData: { file: join(folder, 'state.db') },
      });
      thread.on('message', () => {
        groups += 1;
      });
      return thread;
    },
  });
  await Promise.all(Array.from({ length: workers }, (_, n) => store.claim(`default/worker-${n}`)));
  const rounds = Math.floor(commits / workers);
  const run = async (first: number, count: number, latencies: Float64Array): Promise<void> => {
    let measured = 0;
    const one = async (worker: number): Promise<void> => {
      for (let round = first; round < first + count; round++) {
        const sentAt = performance.now();
        const result = await store.commit(commitOf(worker, 1n, BigInt(round)));
        if (result.kind !== 'ok') throw new Error(`a commit was refused: ${result.kind}`);
        latencies[measured++] = performance.now() - sentAt;
      }
    };
    await Promise.all(Array.from({ length: workers }, (_, worker) => one(worker)));
  };
  await run(0, rounds, new Float64Array(workers * rounds));

  groups = 0;
  const latencies = new Float64Array(workers * rounds);
  const [startedAt, main, all] = [performance.now(), process.threadCpuUsage(), process.cpuUsage()];
  await run(rounds, rounds, latencies);
  const elapsedMs = performance.now() - startedAt;
  const [mainUsed, allUsed] = [process.threadCpuUsage(main), process.cpuUsage(all)];
  latencies.sort();
  const count = latencies.length;
  const perSecond = (count / elapsedMs) * 1_000;
  console.log(`embedded store, ${workers} workers, ${count} commits`);
  console.log(`  ${perSecond.toFixed(0)} commits/s, ${(count / groups).toFixed(0)} commits per group`);
  console.log(`  CPU per commit: main thread ${perItem(mainUsed, count)} µs, process ${perItem(allUsed, count)} µs`);
  console.log(`  latency: p50 ${at(latencies, 0.5)} ms, p99 ${at(latencies, 0.99)} ms`);
  await store.close();
  return perSecond;
}

function measurePeer(folder: string): number {
  const database = new StateDatabase(join(folder, 'peer.db'));
  for (let n = 0; n < workers; n++) database.execute([{ kind: 'claim', worker: `default/worker-${n}` }]);
  const latencies = new Float64Array(PEER_COMMITS);
  const [startedAt, main] = [performance.now(), process.threadCpuUsage()];
  for (let n = 0; n < PEER_COMMITS; n++) {
    const sentAt = performance.now();
    const [answer] = database.execute([
      { kind: 'commit', ...commitOf(n % workers, 1n, BigInt(Math.floor(n / workers))) },
    ]);
    if (answer === undefined || answer === null || !('kind' in answer) || answer.kind !== 'ok') {
      throw new Error('a commit of the peer was refused');
    }
    latencies[n] = performance.now() - sentAt;
  }
  const perSecond = (PEER_COMMITS / (performance.now() - startedAt)) * 1_000;
  const used = process.threadCpuUsage(main);
  latencies.sort();
  console.log(`peer: one synchronous transaction per commit on the main thread, ${PEER_COMMITS} commits`);
  console.log(`  ${perSecond.toFixed(0)} commits/s, main thread ${perItem(used, PEER_COMMITS)} µs CPU per commit`);
  console.log(`  the event loop stands still: p50 ${at(latencies, 0.5)} ms, p99 ${at(latencies, 0.99)} ms per commit`);
  database.close();
  return perSecond;
}

async function measureRecords(folder: string): Promise<void> {
  const store = await EmbeddedRecordStore.open({
    log: console.error,
    recordsMax: TICKS,
    spawn: () =>
      new Worker(new URL('../src/store/embedded/record-thread.ts', import.meta.url), {
        workerData: {
          file: join(folder, 'records.db'),
          ticksPerWorker: 1_000,
          failedTickDays: 30,
          keptPerWorker: 10_000,
          foldRows: 50_000,
          logBytes: 2 ** 28,
          logDays: 30,
        },
      }),
  });
  const [startedAt, main] = [performance.now(), process.threadCpuUsage()];
  for (let n = 0; n < TICKS; n++) {
    store.appendTick({
      worker: `default/worker-${n % workers}`,
      tick: Math.floor(n / workers),
      fn: 'tick',
      outcome: n % 100 === 0 ? 'error' : 'ok',
      dueAt: 1_790_000_000_000 + n,
      startedAt: 1_790_000_000_000.5 + n,
      durationMs: 1.25,
      cpuMs: 0.5,
      latenessMs: 0.75,
      skipped: 0,
      errorCode: null,
      errorMessage: null,
    });
  }
  const used = process.threadCpuUsage(main);
  await store.flush();
  const elapsedMs = performance.now() - startedAt;
  console.log(`records, ${TICKS} ticks at once`);
  console.log(`  main thread ${perItem(used, TICKS)} µs CPU per tick appended, ${store.dropped()} dropped`);
  console.log(`  written at ${((TICKS / elapsedMs) * 1_000).toFixed(0)} ticks/s, folds included`);
  const askedAt = performance.now();
  await store.ticks('default/worker-7', 1_000);
  console.log(`  last 1,000 ticks of one worker: ${(performance.now() - askedAt).toFixed(1)} ms`);
  await store.close();
}

function perItem(used: NodeJS.CpuUsage, count: number): string {
  return ((used.user + used.system) / count).toFixed(2);
}

const folder = mkdtempSync(join(tmpdir(), 'tick-runtime-bench-'));
try {
  const ours = await measureStore(folder);
  const peer = measurePeer(folder);
  console.log(`ratio to the peer: ${(ours / peer).toFixed(1)}`);
  await measureRecords(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
