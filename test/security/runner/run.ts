/**
 * Every attack of the corpus against a real node, a few at a time, each in a workspace of its own, beside canaries of another one. In
 * the first of those workspaces innocent neighbours share the cells of the attacks.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MEMORY_BYTES_DEFAULT } from '../../../src/core/limits.ts';
import { type Attack, readCorpus } from '../../support/attack.ts';
import { poll } from '../../support/poll.ts';
import { descendantsOf } from '../../support/process-tree.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { type Beat, CanaryWatch } from './canary-watch.ts';
import { CellWatch } from './cell-watch.ts';
import { runViolationsOf, violationsOf } from './judge.ts';
import { Load } from './load.ts';
import { CANARIES, CANARY_WORKSPACE, type CaseOrder, type CaseOutcome, type Resources, type Told } from './messages.ts';
import { NodeLink } from './node-link.ts';
import type { RunOptions } from './options.ts';
import { commandOf, cpuMsOf, descriptorsOf } from './proc.ts';
import type { CaseResult, Report } from './report.ts';

const MiB = 1_048_576;
/** What `cells.memoryBytes` is by default. */
const GROWTH_BYTES = 512 * MiB;
const ON_ERROR_TIMEOUT_MS = 500;
/** Beyond all its limits, before a case is given up; and then until the node has said so. */
const PATIENCE_MS = 60_000;
const ANSWER_MS = 30_000;
/** V8 and the system give memory back when they find the time. */
const SETTLE_MS = 4_000;
const IDLE_SETTLE_MS = 1_500;
const IDLE_WATCH_MS = 3_000;
/** Cells without workers end after 5 s. */
const CELLS_GONE_MS = 20_000;
/** Where there is none yet, a snapshot of Python is made first. */
const TICKED_MS = 120_000;
const EXIT_MS = 10_000;

export class CorpusRun {
  readonly #o: RunOptions;
  readonly #canaries = new CanaryWatch();
  readonly #cells = new CellWatch(GROWTH_BYTES);
  readonly #results = new Map<string, CaseResult[]>();
  readonly #onCase: (result: CaseResult) => void;
  readonly attacks: readonly Attack[];
  #node: NodeLink | null = null;
  #load: Load | null = null;

  constructor(options: RunOptions, onCase: (result: CaseResult) => void = () => undefined) {
    this.#o = options;
    this.#onCase = onCase;
    const { only } = options;
    this.attacks = readCorpus().filter(({ file }) => only.length === 0 || only.some((part) => file.includes(part)));
    if (this.attacks.length === 0) throw new Error(`no case has ${only.join(' or ')} in its name`);
  }

  async run(): Promise<Report> {
    const startedAt = performance.now();
    const folder = await createTempFolder();
    const secret = `host-secret-${randomBytes(16).toString('hex')}`;
    const node = new NodeLink(folder.path, secret, (told) => this.#onTold(told));
    this.#node = node;
    try {
      await node.ready;
      await this.#canariesTicked(2);
      const readyAt = performance.now();
      const before = await node.look();
      const descriptorsBefore = descriptorsOf(node.pid);
      const load = new Load(node.pid, () => this.#livingCells());
      this.#load = load;
      const queue = Array.from({ length: this.#o.times }, () => this.attacks).flat();
      const lanes = Array.from({ length: this.#o.lanes }, (_, index) => `attacker-${index + 1}`);
      const crowded = lanes[0] as string;
      this.#cells.allow(crowded, 2, 0);
      await node.ask({ kind: 'neighbours', workspace: crowded, add: true });
      await Promise.all(lanes.map((workspace) => this.#lane(workspace, workspace === crowded ? 2 : 1, queue)));
      const nodeExit = node.exit;
      const { used } = load;
      const busy = load.wasBusy(readyAt, performance.now());
      if (nodeExit === null) await node.ask({ kind: 'neighbours', workspace: crowded, add: false });
      const after = await this.#quiet(node, before);
      const descriptorsAfter = descriptorsOf(node.pid);
      const orphans = this.#orphans(node.pid, after.cells);
      await this.#canariesTicked(1);
      const family = [...after.cells, ...descendantsOf(node.pid)];
      const worstPingMs = node.worstPingMs(readyAt, performance.now());
      await node.stop();
      const stopped = await Promise.race([node.exited, sleep(EXIT_MS, 'nothing: it still runs')]);
      const facts = {
        nodeExit,
        beats: this.#beats(0, performance.now()),
        neighbours: this.#canaries.neighbours,
        recoveries: this.#canaries.recoveries,
        busy,
        before,
        after,
        descriptorsBefore,
        descriptorsAfter,
        orphans,
        stopped,
        leftAfterStop: this.#orphans(null, []).concat(
          family.map(commandOf).filter((text) => text.includes('/cell/main')),
        ),
      };
      return {
        options: this.#o,
        results: [...this.#results.values()].flat(),
        facts,
        load: used,
        worstPingMs,
        peakCellBytes: this.#cells.peakBytes,
        durationMs: performance.now() - startedAt,
        violations: runViolationsOf(facts),
        lines: node.lines,
      };
    } finally {
      this.#cells.close();
      this.#load?.close();
      node.kill();
      await node.exited;
      await folder.remove();
    }
  }

  async #lane(workspace: string, seats: number, queue: Attack[]): Promise<void> {
    for (let attack = queue.shift(); attack !== undefined; attack = queue.shift()) {
      const result = await this.#case(attack, workspace, seats);
      const all = this.#results.get(attack.file) ?? [];
      this.#results.set(attack.file, [...all, result]);
      this.#onCase(result);
    }
  }

  async #case(attack: Attack, workspace: string, seats: number): Promise<CaseResult> {
    const node = this.#node as NodeLink;
    const order = this.#order(attack, workspace);
    const usual = MEMORY_BYTES_DEFAULT[attack.language === 'py' ? 'python' : 'javascript'];
    this.#cells.allow(workspace, seats, Math.max(0, (order.memoryBytes ?? usual) - usual));
    const from = performance.now();
    const outcome = await this.#outcome(node, order);
    const idleCpuMs = attack.idleCpuMs === null ? null : await this.#idleCpu(workspace, from);
    const durationMs = performance.now() - from;
    if (node.exit === null && outcome !== null && outcome.end !== 'CODE_INVALID')
      await node.ask({ kind: 'remove', worker: `${workspace}/${attack.name}` }).catch(() => undefined);
    const keptBytes = await this.#kept(workspace, attack.keepsMiB * MiB);
    const to = performance.now();
    const cells = this.#cells.since(workspace, from);
    const facts = {
      nodeExit: node.exit,
      outcome,
      durationMs,
      busy: this.#load?.wasBusy(from, to) ?? false,
      pingMs: node.worstPingMs(from, to),
      beats: this.#beats(from, to),
      cells,
      spawned: cells.filter(({ startedAt }) => startedAt >= from).length,
      keptBytes,
      idleCpuMs,
    };
    const violations = violationsOf(attack, facts);
    for (const cell of cells) cell.overMs = 0;
    return { file: attack.file, workspace, facts, violations };
  }

  #order(attack: Attack, workspace: string): CaseOrder {
    const { name, file, code, maxErrors, ticks, intervalMs } = attack;
    const usual = MEMORY_BYTES_DEFAULT[attack.language === 'py' ? 'python' : 'javascript'];
    const asked = attack.memoryMiB * MiB;
    const real = this.#o.realLimits;
    const timeoutMs = real ? null : attack.timeoutMs;
    return {
      name,
      workspace,
      file,
      code,
      timeoutMs,
      onErrorTimeoutMs: real ? null : ON_ERROR_TIMEOUT_MS,
      memoryBytes: real && asked <= usual ? null : asked,
      maxErrors,
      ticks,
      intervalMs,
      isolation: attack.idleCpuMs === null ? 'shared' : 'dedicated',
      giveUpMs: PATIENCE_MS + ((timeoutMs ?? 60_000) + 15_000) * Math.max(maxErrors, ticks),
    };
  }

  async #outcome(node: NodeLink, order: CaseOrder): Promise<CaseOutcome | null> {
    const late = new AbortController();
    try {
      return await Promise.race([
        node.run(order),
        sleep(order.giveUpMs + ANSWER_MS, null, { signal: late.signal, ref: false }),
      ]);
    } catch {
      return null;
    } finally {
      late.abort();
    }
  }

  async #idleCpu(workspace: string, from: number): Promise<number | null> {
    await sleep(IDLE_SETTLE_MS);
    const mine = this.#cells.living(workspace).filter(({ startedAt }) => startedAt >= from);
    const sum = (): number => mine.reduce((total, { pid }) => total + cpuMsOf(pid), 0);
    const before = sum();
    await sleep(IDLE_WATCH_MS);
    return mine.length === 0 ? null : sum() - before;
  }

  async #kept(workspace: string, allowed: number): Promise<number> {
    const end = performance.now() + SETTLE_MS;
    for (;;) {
      const kept = Math.max(0, ...this.#cells.living(workspace).map((cell) => cell.rssBytes - cell.baseBytes));
      if (kept <= allowed || performance.now() >= end) return kept;
      await sleep(100);
    }
  }

  /** The node when only the canaries are left of it, and what it does for a moment only is over. */
  async #quiet(node: NodeLink, before: Resources): Promise<Resources> {
    const mine = (): number => this.#livingCells().length - this.#cells.living(CANARY_WORKSPACE).length;
    const gone = performance.now() + CELLS_GONE_MS;
    while (mine() > 0 && performance.now() < gone) await sleep(100);
    const end = performance.now() + SETTLE_MS;
    const timers = ({ active }: Resources): number => active['Timeout'] ?? 0;
    for (;;) {
      const now = await node.look();
      if (timers(now) <= timers(before) || performance.now() >= end) return now;
      await sleep(100);
    }
  }

  #livingCells(): readonly number[] {
    const workspaces = [CANARY_WORKSPACE, ...Array.from({ length: this.#o.lanes }, (_, i) => `attacker-${i + 1}`)];
    return workspaces.flatMap((workspace) => this.#cells.living(workspace).map(({ pid }) => pid));
  }

  /** What descends from the node beside its cells (and the compiler's own process), and cells that it has given up. */
  #orphans(pid: number | null, cells: readonly number[]): string[] {
    // What a cell is started through stands above it, and goes with it.
    const belongs = (child: number): boolean =>
      cells.includes(child) || descendantsOf(child).some((below) => cells.includes(below));
    const children = pid === null ? [] : descendantsOf(pid).filter((child) => !belongs(child));
    return [...children, ...this.#cells.survivors()]
      .map((child) => `${child} ${commandOf(child)}`)
      .filter((text) => !text.includes('esbuild'));
  }

  async #canariesTicked(times: number): Promise<void> {
    const count = (): number[] => CANARIES.map((name) => this.#canaries.ticksOf(name));
    const start = count();
    await poll(
      'every canary ticks',
      () => (count().every((now, index) => now >= (start[index] ?? 0) + times) ? true : undefined),
      { limitMs: TICKED_MS, everyMs: 50 },
    );
  }

  #beats(from: number, to: number): readonly Beat[] {
    return this.#canaries.between(from, to, (at) => this.#load?.wasBusy(at, at) ?? false);
  }

  #onTold(told: Told): void {
    switch (told.kind) {
      case 'cell':
        return this.#cells.onCell(told);
      case 'tick':
        return this.#canaries.onTick(told);
      case 'recovered':
        return this.#canaries.onRecovered(told);
      case 'ready':
      case 'answer':
        return;
    }
  }
}
