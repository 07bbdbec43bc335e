/**
 * What every adapter must do, whatever it talks to. An adapter's test calls this with a way to make it and one valid
 * example per method; a new adapter adds itself to adapters.test.ts.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Adapter } from '../../adapters/adapter.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import { callContext } from '../support/adapter-call.ts';

export interface AdapterExample {
  /** Made anew for every test; `close` ends what the example needs, such as a server. */
  open(): Promise<{
    readonly adapter: Adapter;
    /** Valid arguments per method. */
    readonly inputs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    close?(): Promise<void>;
  }>;
}

export function describeAdapter(name: string, methods: readonly string[], example: AdapterExample): void {
  describe(`adapter ${name}`, () => {
    const opened: (() => Promise<void> | undefined)[] = [];
    const open = async (): ReturnType<AdapterExample['open']> => {
      const made = await example.open();
      opened.push(
        () => made.close?.(),
        () => made.adapter.close?.(),
      );
      return made;
    };
    afterEach(async () => {
      for (const close of opened.splice(0).toReversed()) await close();
    });

    it('has its name, its methods and an example of each', async () => {
      const { adapter, inputs } = await open();
      expect(adapter.name).toBe(name);
      expect(adapter.name).toMatch(/^[a-z][a-z0-9]*$/);
      expect(Object.keys(adapter.capabilities)).toEqual(methods);
      expect(Object.keys(inputs)).toEqual(methods);
      for (const method of methods) expect(method).toMatch(/^[a-z][a-zA-Z0-9]*$/);
    });

    describe.each(methods)('%s', (method) => {
      const get = async () => {
        const made = await open();
        const capability = made.adapter.capabilities[method];
        const input = made.inputs[method];
        if (capability === undefined || input === undefined) throw new Error(`no ${method}`);
        return { capability, input };
      };

      it('takes its positional parameters under names that its input knows', async () => {
        const { capability } = await get();
        if (!(capability.input instanceof z.ZodObject)) throw new Error('the input is not an object');
        expect(Object.keys(capability.input.shape)).toEqual(expect.arrayContaining([...capability.parameters]));
        expect(new Set(capability.parameters).size).toBe(capability.parameters.length);
        for (const parameter of capability.parameters) expect(parameter).toMatch(/^[a-z][a-zA-Z0-9]*$/);
      });

      it('accepts its example and refuses unknown keys, missing ones and what is no object', async () => {
        const { capability, input } = await get();
        expect(capability.input.safeParse(input).success).toBe(true);
        for (const wrong of [{ ...input, surely_unknown: 1 }, { ...input, constructor: 1 }, {}, [], null, 'text', 5]) {
          expect(capability.input.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
        }
      });

      it('answers with data that survives JSON', async () => {
        const { capability, input } = await get();
        const result = await capability.call(capability.input.parse(input) as never, callContext());
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
        expect(result).not.toHaveProperty('error');
      });

      it('finds by its id what a durable call returned, and nothing under an id that was never sent', async () => {
        const { capability, input } = await get();
        if (capability.durable !== true) return expect(capability).not.toHaveProperty('resolve');
        expect(capability.effect).toBe(true);
        const request = capability.input.parse(input);
        const intentOf = (id: string) => ({
          id,
          method,
          request,
          tick: 1,
          at: Date.now(),
          notAfter: Date.now() + 10_000,
        });
        const context = { worker: 'default/tester', signal: new AbortController().signal, remainingMs: 10_000 };
        const [sent, never] = ['5'.repeat(32), '7'.repeat(32)];
        const result = await capability.call(request as never, callContext({ intentId: sent }));
        expect(await capability.resolve(intentOf(sent), context)).toEqual({ kind: 'done', result });
        expect((await capability.resolve(intentOf(never), context)).kind).not.toBe('done');
      });

      it('answers at once when the tick has ended, with an error as data or a RuntimeError', async () => {
        const { capability, input } = await get();
        const context = callContext({ signal: AbortSignal.abort() });
        const result = await capability
          .call(capability.input.parse(input) as never, context)
          .catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(RuntimeError);
        else expect(result).toMatchObject({ error: expect.any(String) });
      });
    });

    it('can be closed twice', async () => {
      const { adapter } = await open();
      await adapter.close?.();
      await adapter.close?.();
    });
  });
}
