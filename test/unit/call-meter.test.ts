import { describe, expect, it } from 'vitest';
import { CALL_BYTES_PER_TICK_MAX, CALLS_OPEN_MAX, CALLS_PER_TICK_MAX } from '../../src/core/limits.ts';
import { CallMeter } from '../../src/supervisor/call-meter.ts';

const newRun = (): AbortSignal => new AbortController().signal;

describe('what one run may ask of the node', () => {
  it('ends a cell that lets more calls through than a guest may make, and begins anew with the next run', () => {
    const meter = new CallMeter();
    const run = newRun();
    for (let call = 0; call < CALLS_PER_TICK_MAX; call++) meter.ask(run, 1, 10);
    expect(() => meter.ask(run, 1, 10)).toThrow(/too many calls/);
    expect(() => meter.ask(newRun(), 1, 10)).not.toThrow();
  });

  it('ends a cell that lets too many calls be open at once', () => {
    expect(() => new CallMeter().ask(newRun(), CALLS_OPEN_MAX + 1, 0)).toThrow(/too many calls/);
  });

  it('counts arguments and results together', () => {
    const meter = new CallMeter();
    const run = newRun();
    meter.ask(run, 1, CALL_BYTES_PER_TICK_MAX / 2);
    meter.answer(run, CALL_BYTES_PER_TICK_MAX / 2);
    expect(() => meter.answer(run, 1)).toThrow(expect.objectContaining({ code: 'CALL_LIMIT' }));
    expect(() => meter.ask(run, 1, 1)).toThrow(expect.objectContaining({ code: 'CELL_PROTOCOL' }));
  });
});
