/** Tells a person (aligned lines) or a program (JSON lines) everything that happens while the engine runs. */
import type { LogLevel } from '../../sandbox/protocol.ts';
import type { Runtime, RuntimeEvents } from '../runtime.ts';
import type { Output } from './output.ts';
import {
  type Rendered,
  renderCell,
  renderLog,
  renderPlacement,
  renderState,
  renderTick,
  renderWorker,
} from './render.ts';
import { clockTime, printable } from './text.ts';

const WHO_WIDTH_MIN = 12;
const WHO_WIDTH_MAX = 28;
const WHAT_WIDTH = 7;

export interface Reporter {
  /** Prints every event of the engine from now on. */
  attach(runtime: Runtime): void;
  /** Lines of the engine about itself. */
  engine(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
  /** Something the CLI did: one line for people, one object for programs. `problem` is shown with --quiet as well. */
  tell(note: Note): void;
}

export interface Note {
  readonly kind: string;
  readonly who: string;
  readonly text: string;
  readonly problem?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
}

export function createReporter(
  output: Output,
  options: { readonly quiet: boolean; readonly names: readonly string[] },
): Reporter {
  const longest = Math.max(WHO_WIDTH_MIN, ...options.names.map((name) => name.length));
  const width = Math.min(WHO_WIDTH_MAX, longest);

  const print = (at: number, rendered: Rendered | undefined) => {
    if (rendered === undefined || (options.quiet && !rendered.important)) return;
    const head = `${output.style('gray', clockTime(at))}  ${rendered.who.padEnd(width)}  `;
    const what = output.style(rendered.style, rendered.what.padEnd(WHAT_WIDTH));
    const indent = `\n${' '.repeat(12 + 2 + width + 2 + WHAT_WIDTH + 2)}`;
    output.line(`${head}${what}  ${rendered.text.trimEnd().replaceAll('\n', indent)}`);
  };
  const listen = <Name extends keyof RuntimeEvents & string>(
    runtime: Runtime,
    name: Name,
    data: (event: RuntimeEvents[Name]) => Record<string, unknown>,
    render: (event: RuntimeEvents[Name]) => Rendered | undefined,
    at: (event: RuntimeEvents[Name]) => number,
  ) => {
    runtime.on(name, (event) => {
      if (output.json) output.data({ kind: name, at: at(event), ...data(event) });
      else print(at(event), render(event));
    });
  };

  return {
    attach(runtime) {
      listen(
        runtime,
        'tick',
        (tick) => ({ ...tick }),
        renderTick,
        () => Date.now(),
      );
      listen(
        runtime,
        'log',
        (log) => ({ ...log, fields: parse(log.fields) }),
        renderLog,
        (log) => log.at,
      );
      listen(runtime, 'state', (state) => ({ ...state, changes: state.changes.map(change) }), renderState, Date.now);
      listen(runtime, 'worker', (worker) => ({ ...worker }), renderWorker, Date.now);
      listen(runtime, 'cell', (cell) => ({ ...cell }), renderCell, Date.now);
      listen(runtime, 'placement', (placement) => ({ ...placement }), renderPlacement, Date.now);
    },
    engine(level, message, fields) {
      const important = level === 'warn' || level === 'error';
      if (output.json) output.data({ kind: 'engine', at: Date.now(), level, message, ...(fields && { fields }) });
      else if (level !== 'debug') {
        const style = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'gray';
        print(Date.now(), { who: 'engine', what: level, text: printable(message), style, important });
      }
    },
    tell(note) {
      const important = note.problem === true;
      if (output.json) output.data({ kind: note.kind, at: Date.now(), message: note.text, ...note.data });
      else
        print(Date.now(), {
          who: note.who,
          what: note.kind,
          text: printable(note.text),
          style: important ? 'red' : 'gray',
          important,
        });
    },
  };
}

function parse(json: string | null): unknown {
  if (json === null) return null;
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

const change = ({ key, json }: { readonly key: string; readonly json: string | null }) =>
  json === null ? { key, deleted: true } : { key, value: parse(json) };
