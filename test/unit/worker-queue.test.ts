import { expect, onTestFinished, test, vi } from 'vitest';
import { type BatchKind, Onward, type Outcome, type QueueOptions, WorkerQueue } from '../../src/store/worker-queue.ts';
import { settle } from '../support/fake-clock.ts';

interface Batch {
  readonly requests: readonly string[];
  answer(answers?: Answers): void;
  fail(error: Error): void;
}

type Answers = readonly (Outcome<string> | Promise<Outcome<string>>)[];

const OPTIONS: QueueOptions = { name: 'Store', batchesMax: 2, operationsMax: 100, weightMax: 1_000 };

/** A kind whose batches the test answers. */
function kindOf(over: Partial<BatchKind<string, string>> = {}): { kind: BatchKind<string, string>; batches: Batch[] } {
  const batches: Batch[] = [];
  const run = (requests: readonly string[]): Promise<Answers> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answers>();
    batches.push({
      requests,
      answer: (answers = requests.map((request) => `did ${request}`)) => resolve(answers),
      fail: reject,
    });
    return promise;
  };
  return { batches, kind: { sizeMax: 10, weightMax: 100, run, ...over } };
}

function submit(queue: WorkerQueue, kind: BatchKind<string, string>, request: string, weight = 1): Promise<string> {
  const answer = queue.submit(kind, { worker: request[0] ?? '', request, weight, urgent: true });
  answer.catch(() => undefined);
  return answer;
}

const requestsOf = (batches: readonly Batch[]): readonly (readonly string[])[] =>
  batches.map(({ requests }) => requests);

test('those of one worker go one after the other, those of several together', async () => {
  const queue = new WorkerQueue(OPTIONS);
  const { kind, batches } = kindOf();
  const answers = ['a1', 'b1', 'a2', 'a3', 'c1'].map((request) => submit(queue, kind, request));
  await settle();
  expect(requestsOf(batches)).toEqual([['a1', 'b1', 'c1']]);
  batches[0]?.answer();
  await settle();
  expect(requestsOf(batches).slice(1)).toEqual([['a2']]);
  batches[1]?.answer();
  await settle();
  batches[2]?.answer();
  expect(await Promise.all(answers)).toEqual(['did a1', 'did b1', 'did a2', 'did a3', 'did c1']);
});

test('a batch has so many at most, so heavy at most, and no more batches are under way than may be', async () => {
  const queue = new WorkerQueue(OPTIONS);
  const { kind, batches } = kindOf({ sizeMax: 2, weightMax: 10 });
  for (const [request, weight] of [
    ['a', 1],
    ['b', 1],
    ['c', 50],
    ['d', 6],
    ['e', 6],
  ] as const)
    void submit(queue, kind, request, weight);
  await settle();
  expect(requestsOf(batches)).toEqual([['a', 'b'], ['c']]);
  batches[0]?.answer();
  await settle();
  expect(requestsOf(batches).slice(2)).toEqual([['d']]);
  batches[1]?.answer();
  await settle();
  expect(requestsOf(batches).slice(3)).toEqual([['e']]);
});

test('kinds do not mix in a batch, and keep the order of a worker', async () => {
  const queue = new WorkerQueue(OPTIONS);
  const [reads, writes] = [kindOf(), kindOf()];
  void submit(queue, writes.kind, 'a1');
  void submit(queue, reads.kind, 'a2');
  void submit(queue, reads.kind, 'b1');
  await settle();
  expect([requestsOf(writes.batches), requestsOf(reads.batches)]).toEqual([[['a1']], [['b1']]]);
  writes.batches[0]?.answer();
  await settle();
  expect(requestsOf(reads.batches)).toEqual([['b1'], ['a2']]);
});

test('what nobody waits for gathers company, and goes along with what is urgent', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const queue = new WorkerQueue(OPTIONS);
  const { kind, batches } = kindOf();
  void queue.submit(kind, { worker: 'a', request: 'a', weight: 1, urgent: false });
  await settle();
  expect(batches).toEqual([]);
  void submit(queue, kind, 'b');
  await settle();
  expect(requestsOf(batches)).toEqual([['a', 'b']]);
  void queue.submit(kind, { worker: 'c', request: 'c', weight: 1, urgent: false });
  await settle();
  expect(batches).toHaveLength(1);
  vi.advanceTimersByTime(5);
  expect(requestsOf(batches).slice(1)).toEqual([['c']]);
});

test('one that fails alone fails alone; a batch that fails fails for all, and the next of each worker goes on', async () => {
  const queue = new WorkerQueue(OPTIONS);
  const { kind, batches } = kindOf();
  const answers = ['a1', 'b1', 'a2', 'b2'].map((request) => submit(queue, kind, request));
  await settle();
  batches[0]?.answer([new Error('a1 is bad'), 'did b1']);
  await expect(answers[0]).rejects.toThrow('a1 is bad');
  expect(await answers[1]).toBe('did b1');
  await settle();
  expect(requestsOf(batches).slice(1)).toEqual([['a2', 'b2']]);
  batches[1]?.fail(new Error('gone'));
  await expect(answers[2]).rejects.toThrow('gone');
  await expect(answers[3]).rejects.toThrow('gone');
  const again = submit(queue, kind, 'a3');
  await settle();
  batches[2]?.answer();
  expect(await again).toBe('did a3');
});

test('takes no more than may wait, by number and by weight, but always one', async () => {
  const { kind, batches } = kindOf();
  const few = new WorkerQueue({ ...OPTIONS, operationsMax: 2 });
  const answers = ['a', 'b', 'c'].map((request) => submit(few, kind, request));
  await expect(answers[2]).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: 'Store cannot do this now: 2 operations wait for it, which is as many as may',
  });
  await settle();
  batches[0]?.answer();
  await Promise.all(answers.slice(0, 2));
  // There is room again.
  await settle();
  const later = submit(few, kind, 'c');
  await settle();
  batches[1]?.answer();
  expect(await later).toBe('did c');

  const light = new WorkerQueue({ ...OPTIONS, weightMax: 10 });
  void submit(light, kind, 'a', 50);
  await expect(submit(light, kind, 'b', 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

test('close finishes what was submitted, also what gathers and what waits in line, and refuses the rest', async () => {
  const queue = new WorkerQueue(OPTIONS);
  const { kind, batches } = kindOf();
  const gathering = queue.submit(kind, { worker: 'a', request: 'a1', weight: 1, urgent: false });
  const behind = submit(queue, kind, 'a2');
  let closed = false;
  const closing = queue.close().then(() => {
    closed = true;
  });
  await expect(submit(queue, kind, 'b')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await settle();
  batches[0]?.answer();
  await settle();
  expect(closed).toBe(false);
  batches[1]?.answer();
  await closing;
  expect(await Promise.all([gathering, behind])).toEqual(['did a1', 'did a2']);
  await new WorkerQueue(OPTIONS).close();
});

test('an operation that goes on stays before the later ones of its worker, and weighs what it weighs there', async () => {
  const queue = new WorkerQueue({ ...OPTIONS, weightMax: 10 });
  const first = kindOf();
  const loads = kindOf({ weightMax: 100 });
  const answers = ['a1', 'b1', 'c1', 'a2'].map((request) => submit(queue, first.kind, request));
  await settle();
  expect(requestsOf(first.batches)).toEqual([['a1', 'b1', 'c1']]);
  const onward = (request: string, weight: number) => Onward.to(loads.kind, request, weight);
  first.batches[0]?.answer([onward('load a', 60), 'did b1', onward('load c', 60)]);
  await settle();
  // What they load takes no room while it waits.
  const late = submit(queue, first.kind, 'd1');
  await settle();
  expect(requestsOf(loads.batches)).toEqual([['load a'], ['load c']]);
  expect(requestsOf(first.batches)).toHaveLength(1);
  loads.batches[0]?.answer(['did load a']);
  await settle();
  expect(requestsOf(first.batches).slice(1)).toEqual([['d1', 'a2']]);
  loads.batches[1]?.answer([new Error('gone')]);
  first.batches[1]?.answer();
  await expect(answers[2]).rejects.toThrow('gone');
  expect(await Promise.all([answers[0], answers[1], answers[3], late])).toEqual([
    'did load a',
    'did b1',
    'did a2',
    'did d1',
  ]);
});

test('a close waits for what goes on', async () => {
  const queue = new WorkerQueue(OPTIONS);
  const [first, loads] = [kindOf(), kindOf()];
  const answer = submit(queue, first.kind, 'a');
  const closed = queue.close();
  await settle();
  first.batches[0]?.answer([Onward.to(loads.kind, 'load a', 1)]);
  await settle();
  loads.batches[0]?.answer();
  await closed;
  expect(await answer).toBe('did load a');
});

test('an answer that hangs holds up its own worker only, neither its batch nor later ones, and a close waits for it', async () => {
  const queue = new WorkerQueue({ ...OPTIONS, batchesMax: 1 });
  const { kind, batches } = kindOf();
  const answers = ['a1', 'b1', 'c1', 'a2', 'b2', 'c2'].map((request) => submit(queue, kind, request));
  await settle();
  const [a1, c1] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  batches[0]?.answer([a1.promise, Promise.resolve('did b1'), c1.promise]);
  expect(await answers[1]).toBe('did b1');
  await settle();
  expect(requestsOf(batches).slice(1)).toEqual([['b2']]);
  batches[1]?.answer();
  expect(await answers[4]).toBe('did b2');
  c1.reject(new Error('c1 is gone'));
  await expect(answers[2]).rejects.toThrow('c1 is gone');
  await settle();
  expect(requestsOf(batches).slice(2)).toEqual([['c2']]);
  batches[2]?.answer([Promise.resolve(new Error('c2 is bad'))]);
  await expect(answers[5]).rejects.toThrow('c2 is bad');
  let closed = false;
  const closing = queue.close().then(() => {
    closed = true;
  });
  await settle();
  expect([batches.length, closed]).toEqual([3, false]);
  a1.resolve('did a1');
  await settle();
  expect(requestsOf(batches).slice(3)).toEqual([['a2']]);
  expect(closed).toBe(false);
  batches[3]?.answer([Promise.resolve('did a2')]);
  await closing;
  expect(await Promise.all([answers[0], answers[3]])).toEqual(['did a1', 'did a2']);
});

test('answers that hang count among those that may wait, and what was promised goes on in another kind', async () => {
  const queue = new WorkerQueue({ ...OPTIONS, operationsMax: 2 });
  const [first, loads] = [kindOf(), kindOf()];
  const answers = ['a1', 'b1'].map((request) => submit(queue, first.kind, request));
  await settle();
  const { promise, resolve } = Promise.withResolvers<Onward<string>>();
  first.batches[0]?.answer([promise, new Promise(() => undefined)]);
  await settle();
  await expect(submit(queue, first.kind, 'c1')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  resolve(Onward.to(loads.kind, 'load a', 1));
  await settle();
  expect(requestsOf(loads.batches)).toEqual([['load a']]);
  loads.batches[0]?.answer([Promise.resolve('did load a')]);
  expect(await answers[0]).toBe('did load a');
  const again = submit(queue, first.kind, 'a2');
  await settle();
  first.batches[1]?.answer();
  expect(await again).toBe('did a2');
});

test('no batch begins while what waits for promised answers weighs more than the batches that may be under way', async () => {
  const queue = new WorkerQueue({ ...OPTIONS, batchesMax: 2 });
  const { kind, batches } = kindOf({ weightMax: 10 });
  for (const request of ['a', 'b', 'c']) void submit(queue, kind, request, 11);
  await settle();
  const a = Promise.withResolvers<string>();
  for (const [n, answer] of [a.promise, new Promise<string>(() => undefined)].entries()) batches[n]?.answer([answer]);
  await settle();
  expect(requestsOf(batches)).toEqual([['a'], ['b']]);
  a.resolve('did a');
  await settle();
  expect(requestsOf(batches).slice(2)).toEqual([['c']]);
  // Where nothing was promised, also one whose batches may weigh nothing begins.
  const alone = kindOf({ weightMax: 0 });
  void submit(new WorkerQueue(OPTIONS), alone.kind, 'a', 0);
  await settle();
  expect(requestsOf(alone.batches)).toEqual([['a']]);
});

test('kinds take turns: one with many batches does not hold up another', async () => {
  const queue = new WorkerQueue({ ...OPTIONS, batchesMax: 1 });
  const many = kindOf({ sizeMax: 1 });
  const few = kindOf();
  for (const request of ['a', 'b', 'c', 'd']) void submit(queue, many.kind, request);
  await settle();
  void submit(queue, few.kind, 'e');
  for (const batch of [0, 1]) {
    many.batches[batch]?.answer();
    await settle();
  }
  expect(requestsOf(many.batches)).toEqual([['a'], ['b']]);
  expect(requestsOf(few.batches)).toEqual([['e']]);
  few.batches[0]?.answer();
  await settle();
  expect(requestsOf(many.batches)).toEqual([['a'], ['b'], ['c']]);
});
