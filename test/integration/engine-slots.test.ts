import { expect, it } from 'vitest';
import { createEchoAdapter } from '../../adapters/echo/adapter.ts';
import { FAST, startEngine } from '../support/engine.ts';

it('many answers at once do not cost a cell its slots', async () => {
  const engine = await startEngine({ adapters: [createEchoAdapter()] });
  const asks = `export async function tick(ctx) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => ctx.echo.say('x' + i)));
    ctx.state.set('n', ctx.state.get('n', 0) + 1);
  }`;
  for (const name of ['one', 'two']) await engine.run(name, asks, FAST);
  await Promise.all(['one', 'two'].map((name) => engine.okTicks(name, 10)));
  // Slots that were lost show when a second and a third cell take their share of them.
  for (const name of ['alone', 'apart']) await engine.run(name, asks, { ...FAST, isolation: 'dedicated' });
  await Promise.all(['alone', 'apart'].map((name) => engine.okTicks(name, 3)));
  await Promise.all(['one', 'two'].map((name) => engine.okTicks(name, 10)));
  expect(engine.ticks.every((tick) => tick.outcome === 'ok')).toBe(true);
});
