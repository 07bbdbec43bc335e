/** Entry of the state thread: groups in, answers out, in order. It ends when it is told to or when a bug ends it. */
import { workerData } from 'node:worker_threads';
import { COMMITTED } from '../commit-rule.ts';
import { type Answer, type StateReply, type StateRequest, unpack } from './messages.ts';
import { StateDatabase } from './state-database.ts';
import { serveThread } from './thread-server.ts';

serveThread(() => {
  const database = new StateDatabase((workerData as { file: string }).file);
  return {
    handle(request: StateRequest): StateReply | 'closed' {
      if (request.kind === 'close') {
        database.close();
        return 'closed';
      }
      try {
        const answers: (readonly [number, Answer])[] = [];
        database.execute(unpack(request.cells)).forEach((answer, index) => {
          if (answer !== COMMITTED) answers.push([index, answer]);
        });
        return { kind: 'done', answers };
      } catch (thrown) {
        return { kind: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) };
      }
    },
  };
});
