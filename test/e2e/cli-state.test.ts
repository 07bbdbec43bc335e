/** `runtime state` and `runtime migrate` as a person uses them: beside a running `runtime start`, and without one. */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Cli, runCli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';
import { sharedPostgres, sharedRedis } from '../support/servers.ts';

/** Each command is a process of its own, and some open stores. */
const LONG = { timeout: 180_000 };
const COUNTERS = {
  'runtime.yaml': 'defaults: {interval: 1s}\nworkersFolder: ./w\n',
  'w/js.js': `let globals = 0;
export function tick(ctx) {
  globals += 1;
  ctx.state.set('count', ctx.state.get('count', 0) + 1);
  ctx.log.info('js count ' + ctx.state.get('count') + ' globals ' + globals + ' note ' + ctx.state.get('note', 'none'));
}`,
  'w/py.py': `seen = 0
def tick(ctx):
    global seen
    seen += 1
    ctx.state.set("count", ctx.state.get("count", 0) + 1)
    ctx.log.info(f"py count {ctx.state.get('count')} globals {seen} note {ctx.state.get('note', 'none')}")
`,
};

function stateIn(cwd: string) {
  const state = (...args: string[]) => runCli(['state', ...args], { cwd });
  /** Of a command that has to end well. */
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, output } = await state(...args);
    expect(code, `state ${args.join(' ')}:\n${output}`).toBe(0);
    return stdout;
  };
  return { state, ok };
}

async function stop(cli: Cli): Promise<void> {
  cli.process.kill('SIGINT');
  expect(await cli.ended).toBe(0);
}

describe('runtime state beside a running node', () => {
  test('looks at workers and changes them between two ticks, in both languages', LONG, async () => {
    const cwd = folderWith(COUNTERS);
    const { state, ok } = stateIn(cwd);
    const node = startCli(['start'], { cwd });
    await Promise.all([node.line(/js count 2/), node.line(/py count 2/)]);
    expect(await ok('list')).toMatch(/^worker +is +tick +revision +keys +bytes\njs +\w+ +\d+ +\d+ +1 +\d+\npy +/);
    for (const name of ['js', 'py']) {
      expect(await ok('set', name, 'count', ' 1000')).toMatch(
        /"count" is set, revision \d+ \(the running worker has it\)/,
      );
      expect(await ok('set', name, 'note', 'é "x"', '--string')).toMatch(/is set/);
      // The globals are those of before: no reload.
      const line = await node.line(new RegExp(`${name} count 10\\d\\d globals \\d+ note é "x"`));
      const [, count = '', globals = ''] = /count (\d+) globals (\d+)/.exec(line) ?? [];
      expect(Number(globals)).toBeGreaterThan(2);
      expect(Number(count)).toBeGreaterThan(1_000);
      expect(await ok('get', name, 'note')).toBe('"é \\"x\\""');
    }
    const keys = (await ok('list', 'js', '--json')).split('\n').map((line) => JSON.parse(line) as object);
    expect(keys).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'state', worker: 'default/js', intact: true, desired: 'running' }),
        { kind: 'key', worker: 'default/js', key: 'note', bytes: 4 + Buffer.byteLength('"é \\"x\\""') },
      ]),
    );
    expect(await state('rename', 'js', 'other')).toMatchObject({
      code: 2,
      output: expect.stringContaining('stop it first'),
    });
    expect(await state('get', 'js', 'nothing')).toMatchObject({ code: 1 });
    expect(await state('get', 'nobody', 'a')).toMatchObject({
      code: 2,
      output: expect.stringContaining('default/nobody'),
    });
    expect(await state('set', 'js', 'x', '{')).toMatchObject({ code: 1, output: expect.stringContaining('not JSON') });
    expect(await state('set', 'js', 'x', '"'.concat('x'.repeat(100_000), '"'), '--json')).toMatchObject({ code: 0 });
    expect(await state('delete', 'js')).toMatchObject({ code: 2 });
    expect(await state('delete', 'js', 'note', 'nothing')).toMatchObject({ code: 1 });
    expect(await ok('get', 'js', 'note')).toContain('x');
    await ok('delete', 'js', 'note', 'x');
    await node.next(/js count \d+ globals \d+ note none/);
    await stop(node);
    expect(readdirSync(join(cwd, '.runtime'))).not.toContain('control.sock');
    expect(await ok('get', 'js', 'count')).toMatch(/^10\d\d$/);
  });

  test('is answered by the next node after one that was killed', LONG, async () => {
    const cwd = folderWith({ 'runtime.yaml': COUNTERS['runtime.yaml'], 'w/js.js': COUNTERS['w/js.js'] });
    const { ok } = stateIn(cwd);
    const first = startCli(['start'], { cwd });
    await first.line(/js count 1/);
    first.process.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(cwd, '.runtime/control.sock'))).toBe(true);
    // Nobody listens: the stores are opened here.
    expect(await ok('set', 'js', 'note', '"between"')).toMatch(/\(stored\)$/);
    const second = startCli(['start'], { cwd });
    await second.line(/note between/);
    expect(await ok('set', 'js', 'note', '"live"')).toContain('the running worker has it');
    await second.line(/note live/);
    await stop(second);
  });
});

describe('runtime state without a node', () => {
  test('exports every digit, shows what an import would change, imports, renames and deletes', LONG, async () => {
    const cwd = folderWith({ 'runtime.yaml': COUNTERS['runtime.yaml'], 'w/js.js': COUNTERS['w/js.js'] });
    const { state, ok } = stateIn(cwd);
    expect(await ok('list')).toBe('no worker has a state here');
    const values = { n: '0.1000000000000000055511151231257827', z: '-0', e: '1e308', o: '{"b":1,"a":2,"2":0,"1":[ ]}' };
    const head = '"format":"tick-runtime-state","version":1';
    const body = Object.entries(values).map(([key, json]) => `"${key}":${json}`);
    writeFileSync(join(cwd, 'in.json'), `{${head},"state":{${body.join(',')}}}`);
    expect(await state('import', 'bank', '--file', 'in.json')).toMatchObject({
      code: 2,
      output: expect.stringContaining('--yes'),
    });
    expect(await ok('import', 'bank', '--file', 'in.json', '--dry-run')).toContain('new worker bank');
    expect(await state('list', 'bank')).toMatchObject({ code: 2 });
    expect(await ok('import', 'bank', '--file', 'in.json', '--yes')).toContain('4 keys imported, revision 1 (stored)');
    await ok('export', 'bank', '--file', 'out.json');
    const text = readFileSync(join(cwd, 'out.json'), 'utf8');
    for (const [key, json] of Object.entries(values)) expect(text).toContain(`"${key}": ${json}`);
    expect(await ok('diff', 'bank', '--file', 'out.json')).toContain('the values are the same');
    await ok('set', 'bank', 'z', '0');
    expect(await state('diff', 'bank', '--file', 'out.json')).toMatchObject({
      code: 1,
      output: expect.stringContaining('~ z: 0 → -0'),
    });
    await ok('import', 'bank', '--file', 'out.json', '--yes', '--json');
    await ok('rename', 'bank', 'js');
    expect(await state('list', 'bank')).toMatchObject({ code: 2 });
    expect(await ok('export', 'js')).toContain(`"o": ${values.o}`);
    await ok('import', 'other', '--file', 'out.json', '--yes');
    await ok('set', 'other', 'n', '7');
    expect(await state('rename', 'js', 'other')).toMatchObject({ code: 2, output: expect.stringContaining('already') });
    expect(await ok('delete', 'other', '--all')).toContain('every key deleted');
    expect(await ok('list', 'other')).toContain('0 keys');
    writeFileSync(join(cwd, 'broken.json'), '{"format":');
    expect(await state('import', 'js', '--file', 'broken.json', '--yes')).toMatchObject({ code: 1 });
    expect(await state('import', 'js', '--file', 'missing.json', '--yes')).toMatchObject({ code: 1 });
    expect(await state('diff', 'js')).toMatchObject({ code: 1, output: expect.stringContaining('kept once') });
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`k${n}`, n]));
    writeFileSync(join(cwd, 'many.json'), `{${head},"state":${JSON.stringify(many)}}`);
    const tooMany = await state('import', 'js', '--file', 'many.json', '--yes');
    expect([tooMany.code, tooMany.output]).toEqual([
      1,
      'runtime: The file has 10001 keys, and a state has at most 10000. Nothing was changed.',
    ]);
    writeFileSync(join(cwd, 'odd.json'), `{${head},"state":{"a\\n  - z = 0":[1,\n2],"":1}}`);
    const odd = (await ok('import', 'odd', '--file', 'odd.json', '--yes')).split('\n').slice(1, -1);
    expect(odd).toEqual(['  + "" = 1', '  + "a\\n  - z = 0" = [1, 2]']);
    expect((await ok('list', 'odd')).split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^"" +\d+$/),
      expect.stringMatching(/^"a\\n {2}- z = 0" +\d+$/),
    ]);
    expect((await runCli(['migrate'], { cwd })).output).toContain('has no postgres');
  });

  test('works on Postgres, names the node that has the workers, and migrates', LONG, async () => {
    const { url, drop } = await sharedPostgres();
    onTestFinished(drop);
    const config = (data: string, migrate: boolean): string =>
      `data: ${data}\nworkersFolder: ./w\ndefaults: {interval: 1s}\npostgres: {url: "${url}", migrate: ${migrate}}\n`;
    const cwd = folderWith({
      'runtime.yaml': config('./one', false),
      'two.yaml': config('./two', true),
      'w/js.js': COUNTERS['w/js.js'],
    });
    const { state, ok } = stateIn(cwd);
    const migrate = (...args: string[]) => runCli(['migrate', ...args], { cwd });
    expect(await migrate('--check')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^missing {2}0001_state/),
    });
    expect(await state('list')).toMatchObject({ code: 4, output: expect.stringContaining('runtime migrate') });
    expect(await migrate()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^applied {2}0001_state/) });
    expect(await migrate()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing is to do') });
    const checked = await migrate('--check', '--json');
    expect(checked.code).toBe(0);
    expect(JSON.parse(checked.stdout)).toMatchObject({ kind: 'migrate', check: true, migrations: [] });

    writeFileSync(join(cwd, 'in.json'), '{"format":"tick-runtime-state","version":1,"state":{"count":50}}');
    expect(await ok('import', 'js', '--file', 'in.json', '--yes')).toContain('1 key imported');
    const node = startCli(['start'], { cwd });
    await node.line(/js count 51/);
    const elsewhere = await state('list', '-c', 'two.yaml');
    expect(elsewhere.code, elsewhere.output).toBe(4);
    expect(elsewhere.output).toContain(`Process ${node.process.pid} on `);
    expect(await ok('set', 'js', 'count', '900')).toContain('the running worker has it');
    await node.line(/js count 90\d/);
    await stop(node);
    expect(await ok('get', 'js', 'count', '-c', 'two.yaml')).toMatch(/^90\d$/);
  });

  test('settles a conflict of Redis and Postgres, and keeps the other copy as a file', LONG, async () => {
    const { url, drop } = await sharedPostgres();
    const at = sharedRedis();
    const prefix = at.prefix.slice(0, -1);
    const redis = new Redis(at.url);
    onTestFinished(async () => {
      const keys = await redis.keys(`${prefix}:*`);
      if (keys.length > 0) await redis.del(keys);
      redis.disconnect();
      await drop();
    });
    const cwd = folderWith({
      'runtime.yaml': `data: ./d\nworkersFolder: ./w\ndefaults: {interval: 1s}\npostgres: {url: "${url}"}\nredis: {url: "${at.url}", prefix: "${prefix}"}\n`,
      'w/js.js': COUNTERS['w/js.js'],
      'in.json': '{"format":"tick-runtime-state","version":1,"state":{"count":50,"note":"kept"}}',
    });
    const { state, ok } = stateIn(cwd);
    await ok('import', 'js', '--file', 'in.json', '--yes');
    expect(await ok('diff', 'js')).toMatch(
      /^Redis: +revision 1, .*\nPostgres: +revision 1, .*\nthe values are the same/,
    );
    // One that cannot be read hides no other.
    await ok('import', 'bad', '--file', 'in.json', '--yes');
    await redis.hset(`${prefix}:default:w:default/bad`, { r: 'nonsense' });
    expect(await ok('list')).toMatch(/bad +stopped +The state of worker .* is damaged.*\njs +stopped +0 +1 +2 +\d+$/);
    await ok('resolve', 'bad', '--take', 'postgres');
    // Above the clock of Postgres: an owner that it has forgotten.
    const later = '9000000000000000';
    await redis.hset(`${prefix}:default:w:default/js`, { e: later, w: later, r: '9', '=count': '600', s: '' });
    expect(await state('set', 'js', 'x', '1')).toMatchObject({
      code: 4,
      output: expect.stringContaining('runtime state resolve'),
    });
    expect(await state('diff', 'js')).toMatchObject({ code: 1, stdout: expect.stringContaining('~ count: 50 → 600') });
    expect(await state('resolve', 'js')).toMatchObject({ code: 2 });
    expect(await state('resolve', 'js', '--take', 'both')).toMatchObject({ code: 2 });
    const resolved = await ok('resolve', 'js', '--take', 'redis');
    expect(resolved).toMatch(/the copy in Postgres is kept in d\/conflicts\/default_js-postgres-r1-/);
    expect(resolved).toContain('revision 10');
    const [file = ''] = readdirSync(join(cwd, 'd/conflicts')).filter((name) => name.includes('js'));
    expect(readFileSync(join(cwd, 'd/conflicts', file), 'utf8')).toContain('"count": 50');
    expect(await ok('diff', 'js')).toContain('revision 10');
    const node = startCli(['start'], { cwd });
    await node.line(/js count 601 .* note kept/);
    const refused = await state('resolve', 'js', '--take', 'redis');
    expect(refused.code).toBe(2);
    expect(refused.output).not.toContain('is kept in');
    // Nothing was replaced, so nothing is kept beside the one of before.
    expect(readdirSync(join(cwd, 'd/conflicts')).filter((name) => name.includes('js'))).toEqual([file]);
    await stop(node);
  });

  test('says what is wrong when the socket cannot be used', LONG, async () => {
    const cwd = folderWith({ 'runtime.yaml': COUNTERS['runtime.yaml'], 'w/js.js': COUNTERS['w/js.js'] });
    const node = startCli(['start'], { cwd });
    await node.line(/js count 1/);
    // Root may connect all the same.
    chmodSync(join(cwd, '.runtime/control.sock'), 0);
    const { code, output } = await stateIn(cwd).state('list');
    if (process.getuid?.() === 0) expect(code).toBe(0);
    else expect(output).toContain('cannot be opened');
    await stop(node);
  });
});
