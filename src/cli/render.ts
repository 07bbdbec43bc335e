/** One line (or a few) for everything that the engine tells: what a person reads while workers tick. */
import type { RuntimeEvents } from '../runtime.ts';
import type { Style } from './output.ts';
import { keyLabel, milliseconds, printable, shorten, valueLabel, workerLabel } from './text.ts';

export interface Rendered {
  /** Who it is about: a worker, a cell, a sidecar. */
  readonly who: string;
  /** What it is: tick, state, info, … */
  readonly what: string;
  readonly text: string;
  readonly style: Style;
  /** Shown with --quiet as well. */
  readonly important: boolean;
}

/** Lateness worth a word, ms. */
const LATE_MS = 100;
const VALUE_CHARACTERS_MAX = 100;
const CHANGES_MAX = 8;

export function renderTick(tick: RuntimeEvents['tick']): Rendered {
  const ok = tick.outcome === 'ok';
  let text = `#${tick.tick} ${tick.outcome} ${milliseconds(tick.durationMs)}`;
  if (tick.latenessMs >= LATE_MS) text += `, ${milliseconds(tick.latenessMs)} late`;
  if (tick.skipped > 0) text += `, ${tick.skipped} skipped before`;
  if (tick.errorMessage !== null) text += `: ${printable(tick.errorMessage)}`;
  return { who: workerLabel(tick.worker), what: tick.fn, text, style: ok ? 'green' : 'red', important: !ok };
}

export function renderLog(log: RuntimeEvents['log']): Rendered {
  const style = { debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red' } as const;
  const fields = log.fields === null ? '' : `  ${printable(log.fields)}`;
  return {
    who: workerLabel(log.worker),
    what: log.level,
    text: printable(log.text) + fields,
    style: style[log.level],
    important: log.level === 'warn' || log.level === 'error',
  };
}

export function renderState(state: RuntimeEvents['state']): Rendered {
  const changes = state.changes.slice(0, CHANGES_MAX).map(({ key, json }) => {
    const name = shorten(keyLabel(key), VALUE_CHARACTERS_MAX);
    return json === null ? `${name} deleted` : `${name} = ${shorten(valueLabel(json), VALUE_CHARACTERS_MAX)}`;
  });
  const more = state.changes.length - changes.length;
  if (more > 0) changes.push(`and ${more} more`);
  return {
    who: workerLabel(state.worker),
    what: 'state',
    text: changes.join(', '),
    style: 'magenta',
    important: false,
  };
}

/** Undefined for the steps that every tick takes: its own line tells them. */
export function renderWorker(change: RuntimeEvents['worker']): Rendered | undefined {
  const { from, to } = change;
  if (to === 'ticking' || (from === 'ticking' && to === 'waiting')) return undefined;
  const reason = change.reason === null ? '' : `: ${firstLine(change.reason)}`;
  const bad = to === 'failed' || to === 'invalid';
  const worrying = to === 'backoff' || to === 'recovering' || to === 'paused';
  return {
    who: workerLabel(change.worker),
    what: 'worker',
    text: `${from} → ${to}${reason}`,
    style: bad ? 'red' : worrying ? 'yellow' : 'gray',
    important: bad || worrying,
  };
}

export function renderCell(cell: RuntimeEvents['cell']): Rendered {
  const reason = cell.reason === null ? '' : `: ${firstLine(cell.reason)}`;
  const workers = cell.workers === 0 ? '' : `, ${cell.workers} worker${cell.workers === 1 ? '' : 's'}`;
  const bad = cell.event === 'lost';
  return {
    who: `cell ${cell.pid}`,
    what: 'cell',
    text: `${cell.event} (${cell.backend}${workers})${reason}`,
    style: bad ? 'yellow' : 'gray',
    important: bad,
  };
}

/** Only the wait for another node: of what comes later the engine's own log speaks. */
export function renderPlacement({ state, reason }: RuntimeEvents['placement']): Rendered | undefined {
  if (state !== 'standby') return undefined;
  const text = `${printable(reason)}; this one takes over when it ends`;
  return { who: 'runtime', what: 'standby', text, style: 'yellow', important: true };
}

/** A stack behind the reason is for programs: --json has it. */
function firstLine(text: string): string {
  return printable(text.split('\n', 1)[0] ?? '');
}
