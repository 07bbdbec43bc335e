/** The control socket of a node: what its table offers works, and nothing that anybody sends harms the node. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Caller, connectControl } from '../../src/cli/control/client.ts';
import { LineReader } from '../../src/cli/control/lines.ts';
import { findPlace } from '../../src/cli/control/place.ts';
import { type Control, openControl } from '../../src/cli/control/server.ts';
import type { Runtime } from '../../src/index.ts';
import { MemoryStateStore } from '../../src/store/memory.ts';
import { startEngine } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';
import { poll } from '../support/poll.ts';

async function openNode(dataDir = folderWith(), idleMs?: number) {
  const engine = await startEngine({ dataDir, stateStore: new MemoryStateStore() });
  await engine.runtime.replaceState('w', [['a', '1']], { create: true });
  const control = await openControl({ runtime: engine.runtime, dataDir, ...(idleMs === undefined ? {} : { idleMs }) });
  onTestFinished(() => control.close());
  return { engine, dataDir, control };
}

async function client(dataDir: string): Promise<Caller> {
  const caller = await connectControl(dataDir);
  if (caller === null) throw new Error('nobody listens');
  onTestFinished(() => caller.close());
  return caller;
}

async function raw(control: Control): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
  const socket = connect(control.path);
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return { socket, heard: () => text, closed };
}

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('drain', () => resolve());
  });

/** The node still answers, and has what it had. */
async function expectWell(dataDir: string): Promise<void> {
  const caller = await client(dataDir);
  expect(await caller.call('export', { name: 'w' })).toMatchObject({ entries: [['a', '1']] });
  await caller.close();
}

describe('the control socket', () => {
  test('is for this user alone, answers in turn, and is gone with the node', async () => {
    const { dataDir, control } = await openNode();
    expect(control.path).toBe(join(dataDir, 'control.sock'));
    expect(statSync(control.path).mode & 0o777).toBe(0o600);
    const caller = await client(dataDir);
    expect(await caller.call('hello', {})).toMatchObject({ pid: process.pid });
    const json = '{"n":0.1000000000000000055511151231257827,"z":-0}';
    await caller.call('write', { name: 'w', changes: [{ key: 'b', json }] });
    expect(await caller.call('export', { name: 'w' })).toMatchObject({
      entries: [
        ['a', '1'],
        ['b', json],
      ],
    });
    await expect(caller.call('export', { name: 'nobody' })).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    await expect(caller.call('write', { name: 'w', changes: [{ key: 'b', json: '{' }] })).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringContaining('not JSON'),
    });
    await control.close();
    expect(existsSync(control.path)).toBe(false);
    expect(await connectControl(dataDir)).toBeNull();
  });

  test('lies elsewhere where the path is too long for a socket, and leaves nothing there', async () => {
    const dataDir = join(folderWith(), 'x'.repeat(120));
    mkdirSync(dataDir);
    const { control } = await openNode(dataDir);
    expect(dirname(dirname(control.path))).toBe(tmpdir());
    expect(statSync(dirname(control.path)).mode & 0o777).toBe(0o700);
    expect(findPlace(dataDir)).toBe(control.path);
    await expectWell(dataDir);
    await control.close();
    expect(existsSync(dirname(control.path))).toBe(false);
    expect(readdirSync(dataDir)).not.toContain('control.json');
  });

  test('takes the place of what a killed node has left', async () => {
    const dataDir = folderWith({ 'control.sock': '' });
    expect(await connectControl(dataDir)).toBeNull();
    writeFileSync(join(dataDir, 'control.json'), '{"path":"/nowhere/control.sock"}');
    await openNode(dataDir);
    expect(readdirSync(dataDir)).not.toContain('control.json');
    await expectWell(dataDir);
  });

  test('leaves open what has become of an order that the end of the node cut off', async () => {
    const dataDir = folderWith();
    const never = (): Promise<never> => new Promise(() => undefined);
    const runtime = { writeState: never, exportState: never } as unknown as Runtime;
    const control = await openControl({ runtime, dataDir });
    const written = (await client(dataDir)).call('write', { name: 'w', changes: [] }).catch((error: unknown) => error);
    const read = (await client(dataDir)).call('export', { name: 'w' }).catch((error: unknown) => error);
    await control.close();
    expect(await written).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      rule: { exit: 4 },
      message: expect.stringMatching(/closed the connection\. Whether the change was taken is not known: look with/),
    });
    expect(await read).toMatchObject({ code: 'NOT_RUNNING' });
  });

  test('carries a state of the largest size', { timeout: 60_000 }, async () => {
    const { dataDir } = await openNode();
    const caller = await client(dataDir);
    // Every character of it takes two on the way.
    const entries = Array.from({ length: 31 }, (_, i): [string, string] => [
      `k${i}`,
      JSON.stringify('"'.repeat(260_000)),
    ]);
    await caller.call('replace', { name: 'w', entries, create: false });
    const { entries: stored } = await caller.call('export', { name: 'w' });
    expect(Object.fromEntries(stored)).toEqual(Object.fromEntries(entries));
  });
});

describe('a client that says nonsense', () => {
  test('is told the limit of a state in words, however far above it a list is', async () => {
    const { dataDir } = await openNode();
    const caller = await client(dataDir);
    const replace = (count: number) =>
      caller.call('replace', {
        name: 'w',
        entries: Array.from({ length: count }, (_, n) => [`k${n}`, '1']),
        create: false,
      });
    await expect(replace(100_001)).rejects.toThrow(/^replace: entries: a state has at most 10000 keys\.$/);
    await expect(replace(10_001)).rejects.toThrow(/10001 keys; at most 10000 are allowed/);
    await expectWell(dataDir);
  });

  test('is told so, line by line, and the next request is answered', async () => {
    const { dataDir, control } = await openNode();
    const { socket, heard } = await raw(control);
    const lines = [
      'x',
      '',
      '{}',
      '[]',
      'null',
      '{"id":1}',
      '{"id":1,"method":"constructor","params":{}}',
      '{"id":2,"method":"__proto__"}',
      '{"id":3,"method":"export","params":{"name":7}}',
      '{"id":4,"method":"export","params":{"name":"w","more":1}}',
      '{"id":5,"method":"write","params":{"name":"w","changes":[{"key":"a"}]}}',
      '{"id":6,"method":"stop","params":{}}',
      '{"id":"x","method":"hello","params":{}}',
      `{"id":7,"method":"${'m'.repeat(10_000)}"}`,
    ];
    socket.write(`${lines.join('\n')}\n{"id":99,"method":"hello","params":{}}\n`);
    await poll('the last answer', () => heard().includes('"id":99') || undefined);
    const answers = heard()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(answers).toHaveLength(lines.length + 1);
    for (const [index, answer] of answers.entries())
      if (index !== 12 && index !== lines.length) expect(answer).toMatchObject({ error: { code: 'BAD_ARGUMENT' } });
    expect(answers.at(-1)).toMatchObject({ id: 99, result: { pid: process.pid } });
    await expectWell(dataDir);
  });

  test('may send any bytes, cut anywhere', { timeout: 60_000 }, async () => {
    const { dataDir, control, engine } = await openNode();
    let seed = 7;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < 200; round++) {
      const { socket } = await raw(control);
      const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 3_000) }, () => Math.floor(random() * 256)));
      socket.write(bytes);
      if (random() < 0.5) socket.write('{"id":1,"method":"export","params":{"name":"w"}}\n{"id":2,"meth');
      // As it is, half open, or in the middle of an answer.
      if (random() < 0.3) socket.end();
      else socket.destroy();
    }
    await expectWell(dataDir);
    expect(engine.engineLog.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test('may not send a line without end: it is cut off, and the node keeps none of it', {
    timeout: 60_000,
  }, async () => {
    const { dataDir, control } = await openNode();
    const { socket, closed, heard } = await raw(control);
    const chunk = Buffer.alloc(1024 * 1024, 0x61);
    let sent = 0;
    while (!socket.destroyed && sent < 100) {
      sent += 1;
      if (!socket.write(chunk)) await Promise.race([drained(socket), closed]);
    }
    await closed;
    expect(sent).toBeLessThan(70);
    expect(heard()).toMatch(/^$|longer than/);
    await expectWell(dataDir);
  });

  test('may not open more connections than there are, nor keep one for ever', async () => {
    const { dataDir, control } = await openNode(folderWith(), 300);
    const all = await Promise.all(Array.from({ length: 60 }, () => raw(control)));
    await poll('room', () => all.filter(({ socket }) => !socket.destroyed).length <= 16 || undefined);
    // Those that ask nothing are ended, and make room.
    await Promise.all(all.map(({ closed }) => closed));
    await expectWell(dataDir);
  });

  test('that takes no answer is given up', async () => {
    const { dataDir, control, engine } = await openNode(folderWith(), 300);
    await engine.runtime.replaceState('big', [['a', JSON.stringify('x'.repeat(400_000))]], { create: true });
    const { socket, closed } = await raw(control);
    socket.pause();
    socket.write('{"id":1,"method":"export","params":{"name":"big"}}\n'.repeat(200));
    // It would hear of the end only by reading.
    await new Promise((done) => setTimeout(done, 1_000));
    socket.resume();
    await closed;
    await expectWell(dataDir);
  });
});

test('lines come out of bytes however they are cut, and a long one is refused before it is whole', () => {
  const reader = new LineReader(10);
  expect(reader.push(Buffer.from('ab'))).toEqual([]);
  expect(reader.push(Buffer.from('c\n\nde\nf'))).toEqual(['abc', '', 'de']);
  expect(reader.bytes).toBe(1);
  expect(() => reader.push(Buffer.from('0123456789'))).toThrow('longer than 10');
  const split = new LineReader(100);
  const bytes = Buffer.from('"é😀"\n');
  const lines = [...bytes].flatMap((byte) => split.push(Buffer.from([byte])));
  expect(lines).toEqual(['"é😀"']);
});
