import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
export const RUNTIME = join(ROOT, 'bin/runtime.mjs');

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of Node before the script. */
  readonly nodeFlags?: readonly string[];
  /** Another `runtime` than that of this repository. */
  readonly script?: string;
}

export interface Cli {
  readonly process: ChildProcess;
  /** All lines so far, of stdout and stderr. */
  readonly lines: readonly string[];
  readonly stdout: readonly string[];
  /** The first line, old or new, that matches; fails with all output when the process ends before. */
  line(pattern: RegExp): Promise<string>;
  /** The first line that matches and comes after this call. */
  next(pattern: RegExp): Promise<string>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts the command line. It is killed when the test is over. */
export function startCli(args: readonly string[], options: CliOptions = {}): Cli {
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), options.script ?? RUNTIME, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines: string[] = [];
  const stdout: string[] = [];
  const watchers = new Set<() => void>();
  let isOver = false;
  const changed = () => {
    for (const watcher of watchers) watcher();
  };
  const closed = [child.stdout, child.stderr].map((stream) => {
    const reader = createInterface({ input: stream });
    reader.on('line', (line) => {
      lines.push(line);
      if (stream === child.stdout) stdout.push(line);
      changed();
    });
    return once(reader, 'close');
  });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const ended = Promise.all([exited, ...closed]).then(([[code, signal]]) => {
    isOver = true;
    changed();
    return code ?? signal ?? 'unknown';
  });
  const wait = (pattern: RegExp, from: number) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.slice(from).find((line) => pattern.test(line));
        if (found === undefined && !isOver) return;
        watchers.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`no line matches ${pattern}:\n${lines.join('\n')}`));
      };
      watchers.add(look);
      look();
    });
  return {
    process: child,
    lines,
    stdout,
    line: (pattern) => wait(pattern, 0),
    next: (pattern) => wait(pattern, lines.length),
    ended,
  };
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}) {
  const cli = startCli(args, options);
  const code = await cli.ended;
  return { code, stdout: cli.stdout.join('\n'), output: cli.lines.join('\n') };
}
