/** The thread's side of {@link StoreThread}: open, say so, then answer every request with one message. */
import { parentPort } from 'node:worker_threads';
import { RuntimeError } from '../../core/errors.ts';

/** First message of a store thread. */
export type Greeting =
  | { readonly kind: 'ready'; readonly note: string | null }
  | { readonly kind: 'unusable'; readonly code: 'DATA_UNUSABLE' | 'INTERNAL'; readonly message: string };

export interface ThreadService<Request, Reply> {
  /** What the operator should know about the opening. */
  readonly note?: string | null;
  /** `closed` ends the thread. */
  handle(request: Request): Reply | 'closed';
}

export function serveThread<Request, Reply>(open: () => ThreadService<Request, Reply>): void {
  const port = parentPort;
  if (port === null) throw new Error('this file is the entry of a worker thread');
  let service: ThreadService<Request, Reply>;
  try {
    service = open();
  } catch (thrown) {
    const code = thrown instanceof RuntimeError && thrown.code === 'DATA_UNUSABLE' ? thrown.code : 'INTERNAL';
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    port.postMessage({ kind: 'unusable', code, message } satisfies Greeting);
    return;
  }
  port.on('message', (request: Request) => {
    const reply = service.handle(request);
    if (reply === 'closed') port.close();
    else port.postMessage(reply);
  });
  port.postMessage({ kind: 'ready', note: service.note ?? null } satisfies Greeting);
}
