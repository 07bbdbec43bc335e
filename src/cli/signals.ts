/**
 * What a person means with signals: the first one asks for an orderly end, another one for an end at once. One wish may
 * arrive several times within a moment: a terminal sends Ctrl-C to the whole process group while npx, `timeout` and the
 * wrapper for older Nodes pass it on as well. So what comes right after the first signal counts as the same wish.
 */
import { Socket } from 'node:net';

/** Signals this soon after the first one are echoes of it. */
const ECHO_MS = 300;

export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';
const SIGNALS: readonly EndSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface EndRequests {
  /** Resolves with the first signal. */
  readonly first: Promise<EndSignal>;
  /** Resolves with the next one that is not an echo, or when the process that started this one is gone. */
  readonly second: Promise<EndSignal | 'parent-gone'>;
  readonly requested: boolean;
  /** Stops listening. */
  close(): void;
}

export function listenForEnd(lifelineFd: number | undefined): EndRequests {
  const first = Promise.withResolvers<EndSignal>();
  const second = Promise.withResolvers<EndSignal | 'parent-gone'>();
  let firstAt: number | undefined;

  const onSignal = (signal: EndSignal) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      first.resolve(signal);
    } else if (now - firstAt >= ECHO_MS) {
      second.resolve(signal);
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const lifeline =
    lifelineFd === undefined
      ? undefined
      : watchLifeline(lifelineFd, () => {
          firstAt ??= performance.now();
          first.resolve('SIGTERM');
          second.resolve('parent-gone');
        });
  return {
    first: first.promise,
    second: second.promise,
    get requested() {
      return firstAt !== undefined;
    },
    close() {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      lifeline?.destroy();
    },
  };
}

function watchLifeline(fd: number, onEnd: () => void): Socket {
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.once('end', onEnd);
  socket.once('error', onEnd);
  socket.resume();
  socket.unref();
  return socket;
}
