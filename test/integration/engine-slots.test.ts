import { expect, it } from 'vitest';
import { createEchoAdapter } from '../../adapters/echo/adapter.ts';
import { FAST, startEngine } from '../support/engine.ts';

it('many answers at once do not cost a cell its slots', async () => {
  const engine = await startEngine({ adapters: [createEchoAdapter()] });
  const asks = `export async function tick(ctx) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => ctx.echo.say('x' + i)));
    ctx.state.set('n', ctx.state.get('n', 0) + 1);
  }`;
  for (const name of ['one', 'two', 'three']) await engine.run(name, asks, FAST);
  // Each tick used to lose slots for good: four ticks and nothing in the cell ever ran again.
  await Promise.all(['one', 'two', 'three'].map((name) => engine.okTicks(name, 20)));
  expect(engine.ticks.every((tick) => tick.outcome === 'ok')).toBe(true);
});
