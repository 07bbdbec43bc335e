/** A store that is put back to a backup, flushed or tampered with while workers tick on real cells. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Claimed } from '../../src/index.ts';
import { type Engine, id, startEngine, workerOf } from '../support/engine.ts';
import { COUNTER, older, SLOW, startWorld } from '../support/put-back-world.ts';

const storedNumbers = (engine: Engine, worker: string): number[] =>
  engine.lines(worker).flatMap((line) => (line.startsWith('stored ') ? [Number(line.slice(7))] : []));

const counting = (from: number[]): number[] => from.map((_, i) => i + 1);

describe.each(['JavaScript', 'Python'] as const)('a worker in %s whose saved state is put back', (language) => {
  test.each<[string, (now: Claimed) => Claimed | null]>([
    ['to an older revision', older],
    ['to a later one', (now) => ({ ...older(now), revision: now.revision + 100n })],
    ['to nothing', () => null],
  ])('%s counts on, loses nothing, and the operator is told once', { timeout: 60_000 }, async (_what, change) => {
    const { engine, store, incidents, heard } = await startWorld();
    await engine.run('w', COUNTER[language]);
    await engine.run('neighbour', COUNTER[language]);
    await engine.okTicks('w', 3);
    await store.putBack(id('w'), change);
    await heard('was written again from the live sandbox');
    await engine.okTicks('w', 3);
    await engine.okTicks('neighbour', 2);
    await engine.runtime.stopWorker('w');
    const numbers = storedNumbers(engine, 'w');
    expect(numbers).toEqual(counting(numbers));
    expect(await engine.runtime.readState('w')).toEqual({ n: numbers.at(-1), kept: 'from the beginning' });
    expect(engine.ticks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(engine.runtime.worker('w')).toMatchObject({ state: 'stopped', consecutiveErrors: 0 });
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.fields).toEqual({ worker: id('w'), code: 'STALE' });
    expect(incidents[0]?.message).toContain('with 2 keys');
    expect(engine.logs.filter(({ text }) => text.startsWith('The stored state was not'))).toMatchObject([
      { worker: id('w'), level: 'warn' },
    ]);
    const theirs = storedNumbers(engine, 'neighbour');
    expect(theirs).toEqual(counting(theirs));
    expect(engine.runtime.worker('neighbour').consecutiveErrors).toBe(0);
  });

  test('while a tick waits for its flush: the flush ends well, and the time is not its own', {
    timeout: 60_000,
  }, async () => {
    const { engine, store, commanded, incidents, answer } = await startWorld();
    await engine.run(
      'w',
      language === 'Python'
        ? `
def tick(ctx):
    ctx.state.set("n", ctx.worker.tick)
    ctx.state.flush()
    if ctx.worker.tick == 2:
        ctx.probe.wait("here")
        ctx.state.set("more", "written while it was put back")
        ctx.state.flush()
        ctx.log.info("flushed")
`
        : `
export async function tick(ctx) {
  ctx.state.set('n', ctx.worker.tick);
  await ctx.state.flush();
  if (ctx.worker.tick === 2) {
    await ctx.probe.wait('here');
    ctx.state.set('more', 'written while it was put back');
    await ctx.state.flush();
    ctx.log.info('flushed');
  }
}`,
      { tickTimeoutMs: 2_000 },
    );
    await engine.okTicks('w');
    await expect.poll(async () => (await store.read(id('w')))?.entries, { timeout: 20_000 }).toEqual([['n', '2']]);
    await store.putBack(id('w'), older);
    // The commit gets through to find out; then the repair takes longer than a tick may.
    commanded.next.push('ok', 'refuse', 'refuse', 'refuse', 'refuse', 'refuse', 'refuse');
    const flushed = engine.next('log', ({ text }) => text === 'flushed');
    await answer();
    await flushed;
    expect(commanded.replacements).toHaveLength(7);
    const read = await store.read(id('w'));
    expect(Object.fromEntries(read?.entries ?? [])).toMatchObject({ n: '2', more: '"written while it was put back"' });
    await engine.okTicks('w', 2);
    expect(incidents).toHaveLength(1);
    expect(engine.ticks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });

  test('sends nothing outward before the repaired state is stored', { timeout: 60_000 }, async () => {
    const { engine, store, sent, incidents, answer } = await startWorld();
    await engine.run(
      'w',
      language === 'Python'
        ? `
def tick(ctx):
    if ctx.worker.tick < 2:
        ctx.state.set("first", 1)
        return
    ctx.probe.wait("here")
    ctx.state.set("intent", ctx.worker.tick)
    ctx.probe.send(ctx.worker.tick)
`
        : `
export async function tick(ctx) {
  if (ctx.worker.tick < 2) return ctx.state.set('first', 1);
  await ctx.probe.wait('here');
  ctx.state.set('intent', ctx.worker.tick);
  await ctx.probe.send(ctx.worker.tick);
}`,
    );
    await engine.okTicks('w');
    await store.putBack(id('w'), () => null);
    const second = engine.okTicks('w');
    await answer();
    await expect.poll(() => sent.length, { timeout: 20_000 }).toBe(1);
    expect(sent[0]).toEqual({ text: 2, stored: { first: 1, intent: 2 } });
    await second;
    expect(sent).toHaveLength(1);
    expect(incidents).toHaveLength(1);
    await engine.runtime.stopWorker('w', { now: true });
  });
});

describe('a worker whose saved state is put back', () => {
  test('while its code runs says its state a slice later, and keeps what that slice wrote', {
    timeout: 60_000,
  }, async () => {
    const { engine, store, incidents } = await startWorld();
    await engine.run(
      'w',
      `export function tick(ctx) {
         ctx.state.set('tick', ctx.worker.tick);
         if (ctx.worker.tick !== 2) return;
         ctx.log.info('busy');
         for (const end = Date.now() + 1500; Date.now() < end; ) ctx.state.set('n', ctx.state.get('n', 0) + 1);
         ctx.state.set('last', ctx.state.get('n'));
       }`,
    );
    const busy = engine.next('log', ({ text }) => text === 'busy');
    await engine.okTicks('w');
    await busy;
    const second = engine.okTicks('w');
    await store.putBack(id('w'), older);
    await second;
    const { n, last } = await engine.runtime.readState('w');
    expect(n).toBe(last);
    expect(Number(n)).toBeGreaterThan(10);
    await engine.okTicks('w');
    expect(incidents).toHaveLength(1);
    expect(engine.ticks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });

  test('is repaired from a state as large as it may be, and one with odd names', { timeout: 60_000 }, async () => {
    const { engine, store, incidents } = await startWorld();
    await engine.run(
      'w',
      `export function tick(ctx) {
         if (ctx.worker.tick === 1) {
           for (let i = 0; i < 30; i++) ctx.state.set('fat ' + i, '"'.repeat(240000));
           ctx.state.update({ ['__proto__']: { a: 1 }, '': null, 'ключ:12': '\\ud83d\\ude00' });
           Object.prototype.toJSON = () => 'polluted';
           Map.prototype.forEach = () => undefined;
           String.prototype.charCodeAt = () => 0;
         }
         ctx.state.set('n', ctx.worker.tick);
       }`,
    );
    await engine.okTicks('w', 2);
    const before = new Map((await store.read(id('w')))?.entries);
    await store.putBack(id('w'), () => null);
    await expect.poll(() => incidents.length, { timeout: 20_000 }).toBe(1);
    await engine.runtime.stopWorker('w');
    const after = new Map((await store.read(id('w')))?.entries);
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    expect(after.size).toBe(34);
    for (const [key, json] of before) if (key !== 'n') expect(after.get(key) === json, key).toBe(true);
  });

  test('and then is stopped, is repaired before its sandbox goes', async () => {
    const { engine, store, incidents } = await startWorld();
    await engine.run('w', COUNTER.JavaScript, SLOW);
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    await store.putBack(id('w'), () => null);
    expect(await engine.runtime.stopWorker('w')).toMatchObject({ state: 'stopped', desired: 'stopped' });
    expect(incidents).toHaveLength(1);
    expect(await engine.runtime.readState('w')).toEqual({ n: 1, kept: 'from the beginning' });
    await engine.runtime.startWorker('w');
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toMatchObject({ n: 2 });
  });

  test('while its cell is lost is stopped with the reason, and nothing is overwritten', async () => {
    const { engine, store, incidents } = await startWorld();
    await engine.run('w', COUNTER.JavaScript, SLOW);
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    const pid = engine.runtime.worker('w').cell;
    if (pid === null) throw new Error('the worker has no cell');
    await store.putBack(id('w'), (now) => ({ ...older(now), entries: [['n', '"old"']] }));
    const failed = engine.inState('w', 'failed');
    process.kill(pid, 'SIGKILL');
    await failed;
    expect(engine.runtime.worker('w').reason).toMatch(
      /stored revision 1, ours \d+.*no live sandbox.*Nothing was overwritten/,
    );
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    expect(await store.read(id('w'))).toMatchObject({ revision: 1n, entries: [['n', '"old"']] });
    expect(incidents.map(({ fields }) => fields)).toEqual([{ worker: id('w'), code: 'STALE' }]);
  });

  test('while it is stopped is not started from what is not its own', async () => {
    const { engine, store } = await startWorld();
    await engine.run('w', COUNTER.JavaScript, SLOW);
    await engine.okTicks('w');
    await engine.runtime.stopWorker('w');
    await store.putBack(id('w'), older);
    await expect(engine.runtime.startWorker('w')).rejects.toMatchObject({ code: 'STALE' });
    await engine.inState('w', 'failed');
    expect(await store.read(id('w'))).toMatchObject({ revision: 1n, entries: [['n', '1']] });
    // Whoever starts it again has read why, and means what is stored.
    await engine.runtime.startWorker('w');
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toMatchObject({ n: 2 });
  });

  test('and was given up takes orders again, from what is stored', async () => {
    const { engine, store } = await startWorld();
    for (const name of ['stopped', 'removed', 'redeployed']) {
      await engine.run(name, COUNTER.JavaScript);
      await engine.okTicks(name);
      await store.putBack(id(name), (now) => ({ ...older(now), epoch: now.epoch + 1n }));
      await engine.inState(name, 'failed');
    }
    expect(await engine.runtime.stopWorker('stopped')).toMatchObject({ state: 'stopped', desired: 'stopped' });
    await engine.runtime.removeWorker('removed');
    expect(await store.read(id('removed'))).toBeNull();
    await engine.runtime.deploy(workerOf('redeployed', `export function tick(ctx) { ctx.state.set('new', true); }`));
    await engine.okTicks('redeployed');
    expect(await engine.runtime.readState('redeployed')).toMatchObject({ n: 1, new: true });
  });

  test('to a time before this node claimed it is repaired too', async () => {
    const { engine, store, incidents } = await startWorld();
    await engine.run('w', COUNTER.JavaScript);
    await engine.okTicks('w', 2);
    await engine.runtime.restartWorker('w');
    await engine.okTicks('w');
    const { n } = await engine.runtime.readState('w');
    await store.putBack(id('w'), (now) => ({ ...older(now), epoch: now.epoch - 1n }));
    await engine.okTicks('w', 2);
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.message).toContain('from before this start');
    expect((await engine.runtime.readState('w'))['n']).toBeGreaterThan(Number(n));
  });

  test('and was taken over by another owner is given up: FENCED stays final', async () => {
    const { engine, store } = await startWorld();
    await engine.run('w', COUNTER.JavaScript);
    await engine.okTicks('w', 2);
    await store.putBack(id('w'), (now) => ({ ...older(now), epoch: now.epoch + 1n }));
    await engine.inState('w', 'failed');
    expect(engine.runtime.worker('w').reason).toContain('another owner took it over');
    expect(await store.read(id('w'))).toMatchObject({ revision: 1n, entries: [['n', '1']] });
  });

  test('by somebody who edits the file of the embedded store is repaired in it', async () => {
    const incidents: string[] = [];
    const engine = await startEngine({
      log: (level, message) => {
        if (level === 'error') incidents.push(message);
      },
    });
    await engine.run('w', COUNTER.JavaScript);
    await engine.run('gone', COUNTER.JavaScript);
    await engine.okTicks('w', 2);
    await engine.okTicks('gone', 2);
    const file = new DatabaseSync(join(engine.dataDir, 'state.db'));
    file.exec(`PRAGMA busy_timeout = 2000;
      UPDATE workers SET revision = 1 WHERE worker = 'default/w';
      DELETE FROM state WHERE worker = (SELECT id FROM workers WHERE worker = 'default/gone');
      DELETE FROM workers WHERE worker = 'default/gone';`);
    file.close();
    await expect.poll(() => incidents.length, { timeout: 10_000 }).toBe(2);
    await engine.okTicks('w', 2);
    await engine.okTicks('gone', 2);
    for (const name of ['w', 'gone']) {
      await engine.runtime.stopWorker(name);
      const numbers = storedNumbers(engine, name);
      expect(numbers).toEqual(counting(numbers));
      expect(await engine.runtime.readState(name)).toEqual({ n: numbers.at(-1), kept: 'from the beginning' });
    }
    expect(engine.ticks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });
});
