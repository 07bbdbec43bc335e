/** What a dead cell has left on its board: who was inside. It is a claim like every other. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { BOARD } from '../../sandbox/protocol.ts';
import type { CellLoss } from '../../src/supervisor/cell-loss.ts';
import type { Step } from '../support/fake-cell.ts';
import { LOADED, STARTED, UNTIL_LOAD } from '../support/fake-launch.ts';
import { createPool } from '../support/fake-wire.ts';

const board = (...words: Extract<Step, { kind: 'board' }>['words']): Step => ({ kind: 'board', words });
const END: Step = { kind: 'end' };

async function lossAfter(...steps: readonly Step[]): Promise<CellLoss> {
  const { place } = createPool([...UNTIL_LOAD, LOADED, ...steps, END]);
  return (await place()).lost;
}

describe('the board of a cell that died', () => {
  it('names who was inside, whom no message had named', async () => {
    expect(await lossAfter(board(BOARD.WRITTEN, 1, 'sandbox', 'incarnation'))).toMatchObject({ suspect: true });
  });

  it('clears who had come out by then, although the message of that was lost', async () => {
    expect(await lossAfter(STARTED, board(BOARD.WRITTEN, 0))).toMatchObject({ suspect: false });
  });

  it('says nothing where nothing was written on it, or more than it holds: then it is as the messages say', async () => {
    expect(await lossAfter(STARTED)).toMatchObject({ suspect: true });
    expect(await lossAfter(STARTED, board(BOARD.WRITTEN, 1e300, 9, 9))).toMatchObject({ suspect: true });
    expect(await lossAfter()).toMatchObject({ suspect: false });
  });

  it.each([
    ['another incarnation', board(BOARD.WRITTEN, 1, 'sandbox', 0)],
    ['another sandbox', board(BOARD.WRITTEN, 1, 9, 'incarnation')],
    ['fewer than none', board(BOARD.WRITTEN, -1, 'sandbox', 'incarnation')],
    ['no number at all', board(BOARD.WRITTEN, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY)],
  ])('that says %s names nobody', async (_what, step) => {
    expect(await lossAfter(step)).toMatchObject({ suspect: false, culprit: false });
  });

  it('ends a cell that makes it larger than it is', async () => {
    const { place, reasons } = createPool([
      ...UNTIL_LOAD,
      LOADED,
      { kind: 'board', words: [BOARD.WRITTEN, 0], bytesAfter: BOARD.WORDS * 8 },
    ]);
    await (await place()).lost;
    expect(reasons).toEqual(['it broke the protocol: its board is too large']);
  });

  it('leaves no file behind, nor a name while it is in use', async () => {
    const { place } = createPool([...UNTIL_LOAD, LOADED]);
    await (await place()).heard('loaded');
    const left = ['/dev/shm', tmpdir()].flatMap((folder) => readdirSync(folder));
    expect(left.filter((name) => name.startsWith(`tick-cell-${process.pid}-`))).toEqual([]);
  });
});
