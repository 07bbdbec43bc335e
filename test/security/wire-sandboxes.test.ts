/** Whatever a cell says, the node acts for no sandbox but those that the cell holds. */
import { describe, expect, it } from 'vitest';
import type { Step } from '../support/fake-cell.ts';
import { frame, LOADED, UNTIL_LOAD } from '../support/fake-launch.ts';
import { createPool } from '../support/fake-wire.ts';

describe('a cell that lies about sandboxes', () => {
  it('is heard for the sandbox and incarnation that it holds, and for no other', async () => {
    const other = (sandbox: string, incarnation: string): Step =>
      frame(`[{"kind":"started","sandbox":${sandbox},"incarnation":${incarnation},"forMs":0}]`);
    const wrong = [
      other('"$sandbox"', '0'),
      other('"$sandbox"', '999999'),
      other('2', '"$incarnation"'),
      other('0', '0'),
    ];
    const { place } = createPool([...UNTIL_LOAD, ...wrong, LOADED]);
    const seat = await place();
    await seat.heard('loaded');
    expect(seat.messages.map(({ kind }) => kind)).toEqual(['loaded']);
  });

  it('cannot speak for a sandbox of another cell', async () => {
    const honest = createPool([...UNTIL_LOAD, LOADED]);
    const liar = createPool([
      ...UNTIL_LOAD,
      ...[1, 2, 3].map((n) => frame(`[{"kind":"stuck","sandbox":1,"incarnation":${n + 1000},"cause":"memory"}]`)),
    ]);
    const seat = await honest.place();
    const other = await liar.place();
    const loss = await other.lost;
    expect(loss).toMatchObject({ suspect: false, culprit: false });
    await seat.heard('loaded');
    expect(seat.messages.map(({ kind }) => kind)).toEqual(['loaded']);
    expect(honest.reasons).toEqual([]);
  });

  for (const [what, json, reason] of [
    ['that is ready twice', '[{"kind":"ready","rssBytes":1}]', /ready twice/],
    ['that sends a snapshot nobody asked for', '[{"kind":"snapshot","base64":"","last":true}]', /nobody asked for/],
  ] as const)
    it(`${what} is ended`, async () => {
      const { place, reasons } = createPool([...UNTIL_LOAD, frame(json)]);
      const seat = await place();
      expect((await seat.lost).reason).toMatch(reason);
      expect(reasons).toHaveLength(1);
    });

  it('tells its workers nothing of the host when it dies with a stack', async () => {
    const message =
      'uncaught: Error: no such file: /opt/host/secret.ts and file:///opt/host/x.ts:1:2\\n    at /opt/host/y.ts:3:4';
    const { place, reasons } = createPool([...UNTIL_LOAD, frame(`[{"kind":"fatal","message":"${message}"}]`)]);
    const { reason } = await (await place()).lost;
    expect(reason).toBe('uncaught: Error: no such file: … and …:1:2');
    expect(reasons[0]).toContain('/opt/host/y.ts');
  });

  it('survives 100,000 random messages for sandboxes and incarnations that are not there, and then hears the true one', async () => {
    const { place, reasons } = createPool([...UNTIL_LOAD, { kind: 'fuzz', seed: 42, frames: 10_000 }, LOADED]);
    const seat = await place();
    await seat.heard('loaded');
    expect(seat.messages.map(({ kind }) => kind)).toEqual(['loaded']);
    expect(reasons).toEqual([]);
    expect('polluted' in {}).toBe(false);
  }, 60_000);
});
