import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { NEW_HEAD, parseHead } from '../../src/supervisor/head.ts';
import {
  type Intent,
  type IntentParts,
  intentId,
  resolvedIds,
  shownIntents,
  withIntent,
  withOutcome,
  withoutIntent,
} from '../../src/supervisor/intents.ts';

const PARTS: IntentParts = {
  worker: 'default/w',
  owner: 'o1',
  tick: 7,
  fn: 'tick',
  run: 3,
  call: 1,
  adapter: 'exchange',
  method: 'place',
  request: '{"symbol":"BTC"}',
};

const intent = (id: string, over: Partial<Intent> = {}): Intent => ({
  id,
  adapter: 'exchange',
  method: 'place',
  tick: 7,
  fn: 'tick',
  at: 1_000,
  request: '{"symbol":"BTC"}',
  status: 'open',
  ...over,
});

const many = (count: number): Intent[] => Array.from({ length: count }, (_, i) => intent(`i${i}`));
const NONE = new Set<string>();

describe('the id of an intent', () => {
  test('fits an idempotency key and is a function of its parts', () => {
    expect(intentId(PARTS)).toMatch(/^[0-9a-z-]{32,36}$/);
    expect(intentId({ ...PARTS })).toBe(intentId(PARTS));
  });

  test('differs as soon as any part does, and however the parts are cut', () => {
    const others: Partial<IntentParts>[] = [
      { worker: 'default/v' },
      { owner: 'o2' },
      { tick: 8 },
      { fn: 'on_error' },
      { run: 4 },
      { call: 2 },
      { adapter: 'exchange2' },
      { method: 'placeAll' },
      { request: '{"symbol":"ETH"}' },
      { adapter: 'exchangep', method: 'lace' },
      { run: 1, call: 31 },
    ];
    expect(new Set([PARTS, ...others.map((other) => ({ ...PARTS, ...other }))].map(intentId)).size).toBe(
      others.length + 1,
    );
  });
});

describe('canonical JSON', () => {
  test('is one text for one value, whatever the order of its keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x', gone: undefined })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
    expect(canonicalJson(undefined)).toBe('null');
    expect(canonicalJson(JSON.parse('{"__proto__":{"b":1,"a":2}}'))).toBe('{"__proto__":{"a":2,"b":1}}');
  });

  test('means what the value meant', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, item]) => [key, reversed(item)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });
});

describe('the list of intents', () => {
  test('takes 32, and then one in place of the oldest whose reply the run has', () => {
    const full = many(32);
    expect(withIntent(full.slice(1), intent('new'), NONE)).toHaveLength(32);
    expect(() => withIntent(full, intent('new'), NONE)).toThrow(
      expect.objectContaining({ code: 'CALL_LIMIT', message: expect.stringContaining('ctx.exchange.unresolved') }),
    );
    const ids = withIntent(full, intent('new'), new Set(['i5', 'i3'])).map(({ id }) => id);
    expect(ids).toHaveLength(32);
    expect(ids).not.toContain('i3');
    expect(ids.at(-1)).toBe('new');
  });

  test('takes a request of 16 KiB, in bytes, and none that is larger', () => {
    const sized = (bytes: number): Intent => intent('a', { request: `"${'é'.repeat((bytes - 2) / 2)}"` });
    expect(withIntent([], sized(16_384), NONE)).toHaveLength(1);
    expect(() => withIntent([], sized(16_386), NONE)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringContaining('16384 bytes') }),
    );
  });

  test('keeps the first outcome that is known; one that is unknown may become anything', () => {
    const away = withOutcome([intent('a'), intent('b')], 'a', { kind: 'unknown', reason: 'x'.repeat(9_000) });
    expect(away).toMatchObject([{ status: 'unknown' }, intent('b')]);
    expect(away[0]?.reason).toHaveLength(500);
    const done = withOutcome(away, 'a', { kind: 'done', json: '{"orderId":1}' });
    expect(done[0]).toEqual(intent('a', { status: 'done', result: '{"orderId":1}' }));
    expect(withOutcome(done, 'a', { kind: 'absent' })).toEqual(done);
    expect(withOutcome(away, 'a', { kind: 'absent' })[0]).toEqual(intent('a', { status: 'absent' }));
    expect(withOutcome([], 'a', { kind: 'absent' })).toEqual([]);
    expect(withoutIntent(done, 'a')).toEqual([intent('b')]);
    expect([...resolvedIds(done)]).toEqual(['a']);
  });

  test('keeps that something is done where its result is too large', () => {
    const [large] = withOutcome([intent('a')], 'a', { kind: 'done', json: `"${'x'.repeat(16_383)}"` });
    expect(large).toMatchObject({ status: 'done', reason: expect.stringContaining('16385 bytes') });
    expect(large).not.toHaveProperty('result');
  });

  test('is shown by adapter; what is open is unknown, because its call is still under way', () => {
    expect(shownIntents([])).toBeNull();
    const shown = shownIntents([
      intent('a', { status: 'done', result: '{"orderId":1}' }),
      intent('b', { adapter: 'bank', method: 'pay' }),
      intent('c', { status: 'absent' }),
    ]);
    const lists = Object.fromEntries(Object.entries(shown ?? {}).map(([name, json]) => [name, JSON.parse(json)]));
    const common = { method: 'place', tick: 7, at: 1_000, request: { symbol: 'BTC' } };
    expect(lists).toEqual({
      exchange: [
        { id: 'a', ...common, status: 'done', result: { orderId: 1 } },
        { id: 'c', ...common, status: 'absent' },
      ],
      bank: [{ id: 'b', ...common, method: 'pay', status: 'unknown', reason: 'the call is still under way' }],
    });
  });

  test('is part of the saved life, and an older life has none', () => {
    const head = { ...NEW_HEAD, intents: [intent('a', { status: 'unknown', reason: 'away' })] };
    expect(parseHead('default/w', JSON.stringify(head))).toEqual(head);
    const { intents: _none, ...older } = NEW_HEAD;
    expect(parseHead('default/w', JSON.stringify(older)).intents).toEqual([]);
    for (const wrong of [[{}], [{ ...intent('a'), status: 'sent' }], {}, null])
      expect(() => parseHead('default/w', JSON.stringify({ ...NEW_HEAD, intents: wrong }))).toThrow(
        expect.objectContaining({ code: 'STATE_CORRUPT' }),
      );
  });
});
