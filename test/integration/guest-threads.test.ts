/** Threads in which guests spin go behind all others (Linux). */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startEngine } from '../support/engine.ts';

const SPIN = `export function tick(ctx) { ctx.log.info('spins'); for (;;); }`;
const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;

/** Niceness of each thread but the main one, and of that. */
function niceness(pid: number): { readonly main: number; readonly others: readonly number[] } {
  const of = (thread: string): number => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  };
  const threads = readdirSync(`/proc/${pid}/task`);
  return { main: of(`${pid}`), others: threads.filter((thread) => thread !== `${pid}`).map(of) };
}

test.runIf(process.platform === 'linux')(
  'a thread that burns the processor loses its rank, the cell’s own keeps it, and so does every thread of a quiet cell',
  async () => {
    const engine = await startEngine();
    await engine.run('quiet', COUNTER);
    await engine.okTicks('quiet');
    const quiet = engine.runtime.worker('quiet').cell ?? 0;
    expect(niceness(quiet).others.every((nice) => nice === 0)).toBe(true);
    const spins = engine.next('log', ({ text }) => text === 'spins');
    await engine.run('spins', SPIN, { isolation: 'dedicated', tickTimeoutMs: 20_000 });
    await spins;
    const pid = engine.runtime.worker('spins').cell ?? 0;
    expect(pid).not.toBe(quiet);
    await expect.poll(() => niceness(pid).others.filter((nice) => nice === 10).length, { timeout: 10_000 }).toBe(1);
    expect(niceness(pid).main).toBe(0);
    expect(niceness(quiet)).toMatchObject({ main: 0 });
    expect(niceness(quiet).others.every((nice) => nice === 0)).toBe(true);
    await engine.runtime.stop({ now: true });
  },
);
