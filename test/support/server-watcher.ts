import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

const SCRIPT = readFileSync(new URL('server-watch.sh', import.meta.url), 'utf8');

/**
 * A small process beside a server's: it ends the server and removes its folder when the test's process is gone, were it by
 * SIGKILL. What it does is in server-watch.sh.
 */
export class ServerWatcher {
  readonly #child: ChildProcess;
  readonly #input: Socket;

  /** `signal` ends the server at once; `folder` is undefined where it shall stay. */
  constructor(name: string, signal: NodeJS.Signals, folder: string | undefined) {
    // In a group of its own: a Ctrl-C is for the tests.
    this.#child = spawn('sh', ['-c', SCRIPT, `watch-${name}`, signal.slice('SIG'.length), folder ?? ''], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#input = this.#child.stdin as Socket;
    this.#input.on('error', () => undefined);
    // Neither keeps the test's process alive.
    this.#input.unref();
    this.#child.unref();
  }

  running(pid: number): void {
    this.#input.write(`run ${pid}\n`);
  }

  ended(): void {
    this.#input.write('ended\n');
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#input.writableEnded) return;
    this.#child.ref();
    const exited = once(this.#child, 'exit');
    this.#input.end('closed\n');
    await exited;
  }
}
