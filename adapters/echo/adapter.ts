/**
 * The smallest complete adapter: copy this folder to start a new one. A worker calls `ctx.echo.say('hi')` and gets its words
 * back. It is not connected by default; an embedder passes it in `createRuntime({ adapters: [createEchoAdapter()] })`.
 */
import { z } from 'zod';
import type { Adapter, CallContext } from '../adapter.ts';

/** Strict: a misspelt argument is refused, not ignored. Every size has an end. */
const sayInput = z.strictObject({
  text: z.string().max(10_000),
  times: z.number().int().min(1).max(100).default(1),
});

export function createEchoAdapter(): Adapter {
  return {
    name: 'echo',
    capabilities: {
      say: {
        // Nothing outside changes, so the call need not wait until the worker's state is stored.
        effect: false,
        // `say(text, times)` in Python, `say(text, {times})` in JavaScript; the names are the keys of the input.
        parameters: ['text', 'times'],
        positional: 1,
        input: sayInput,
        async call(input: z.output<typeof sayInput>, context: CallContext) {
          // Where a real adapter waits, it waits with the signal: the tick may end first.
          if (context.signal.aborted) return { error: 'the tick ended', code: 'ABORTED' };
          return { text: input.text.repeat(input.times), worker: context.worker, tick: context.tick };
        },
      },
    },
  };
}
