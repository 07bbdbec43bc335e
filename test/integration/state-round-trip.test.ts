/** Every odd JSON on the whole way: worker, Redis, Postgres, restart, another node. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { fromColumn } from '../../src/store/postgres/nul-free.ts';
import { startEngine } from '../support/engine.ts';
import { sharedPostgres, sharedRedis } from '../support/servers.ts';

/** What each key is set to, as an expression of the worker. */
const VALUES: Readonly<Record<string, string>> = {
  minus: '-0',
  huge: '1e308',
  tiny: '5e-324',
  long: '0.1 + 0.2',
  integer: '2 ** 53',
  half: '"\\ud800"',
  halves: '"\\udc00\\ud800"',
  nul: '"a\\u0000b\\ufdd0c\\ufdd00"',
  separators: '"\\u2028\\u2029\\u007f"',
  '': '"the empty key"',
  'a\u0000b\ufdd00': '"odd key"',
  'schlüssel 🔑': '["🐢", "É", "E\\u0301"]',
  constructor: '{ "toString": null }',
  nested: 'JSON.parse("[".repeat(64) + "]".repeat(64))',
  proto: 'JSON.parse(\'{"__proto__":{"x":1},"":[]}\')',
  fat: '"ü".repeat(262143)',
  empty: '[{}, [], "", null, false]',
};

const SET = Object.entries({ ...VALUES, ['__proto__']: '1' })
  .concat([['__proto__', '{ "own": true }']])
  .map(([key, value]) => `ctx.state.set(${JSON.stringify(key)}, ${value});`)
  .join('\n');

const KEYS = JSON.stringify([...Object.keys(VALUES), '__proto__']);
const WRITER = `export function tick(ctx) {\n${SET}\nctx.state.set('seen', JSON.stringify(${KEYS}.map((key) => ctx.state.get(key))).length);\n}`;
const READER = `export function tick(ctx) {
  ctx.state.set('seen', JSON.stringify(${KEYS}.map((key) => ctx.state.get(key))).length);
  for (const key of ${KEYS}) ctx.state.set(key, ctx.state.get(key));
}`;
const SLOW = { schedule: { kind: 'interval', intervalMs: 3_600_000 } } as const;

test('comes back byte for byte, and is the same for the worker of the next node', { timeout: 60_000 }, async () => {
  const database = await sharedPostgres();
  onTestFinished(() => database.drop());
  const { url } = sharedRedis();
  const options = {
    postgres: { url: database.url },
    redis: { url, prefix: `round-${randomUUID()}` },
  };
  const key = `${options.redis.prefix}:default:w:default/w`;
  const own = new Redis(url);
  onTestFinished(() => own.disconnect());
  const sql = new Client(database.url);
  await sql.connect();
  onTestFinished(() => sql.end());

  async function inRedis(): Promise<Map<string, string>> {
    const fields = Object.entries(await own.hgetall(key)).filter(([field]) => field.startsWith('='));
    return new Map(fields.map(([field, value]) => [field.slice(1), value]));
  }
  async function inPostgres(): Promise<Map<string, string>> {
    const { rows } = await sql.query<{ key: string; json: string }>('SELECT key, json FROM tick_runtime.state');
    return new Map(rows.map((row) => [fromColumn(row.key), fromColumn(row.json)]));
  }

  const first = await startEngine(options);
  const stored = new Map<string, string | null>();
  first.runtime.on('state', ({ changes }) => {
    for (const change of changes) stored.set(change.key, change.json);
  });
  const written = first.okTicks('w');
  await first.run('w', WRITER, SLOW);
  await written;
  expect(stored.size).toBe(Object.keys(VALUES).length + 2);
  expect(stored.get('half')).toBe('"\\ud800"');
  expect(stored.get('huge')).toBe('1e+308');
  expect(stored.get('nested')).toBe('['.repeat(64) + ']'.repeat(64));
  expect(stored.get('proto')).toBe('{"__proto__":{"x":1},"":[]}');
  expect(await inRedis()).toEqual(stored);
  await first.stop();
  expect(await inPostgres()).toEqual(stored);

  // What is only in Postgres now goes the whole way back.
  await own.del(key);
  const second = await startEngine(options);
  const read = second.okTicks('w');
  const { desired } = await second.runtime.deploy({ name: 'w', source: readerSource(), ...SLOW });
  expect(desired).toBe('running');
  await read;
  expect(await inRedis()).toEqual(stored);
  await second.stop();
  expect(await inPostgres()).toEqual(stored);
});

function readerSource() {
  return { kind: 'files', entry: 'w.js', files: [{ path: 'w.js', text: READER }] } as const;
}
