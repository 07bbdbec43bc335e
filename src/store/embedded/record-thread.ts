/** Entry of the record thread. It is not the state thread, so that a large fold or query never delays a commit. */
import { workerData } from 'node:worker_threads';
import { RecordDatabase, type RecordDatabaseOptions } from './record-database.ts';
import type { RecordReply, RecordRequest } from './record-messages.ts';
import { serveThread } from './thread-server.ts';

serveThread(() => {
  const database = new RecordDatabase(workerData as RecordDatabaseOptions);
  return {
    note: database.note,
    handle(request: RecordRequest): RecordReply | 'closed' {
      switch (request.kind) {
        case 'append':
          try {
            database.append(request.ticks, request.logs, Date.now());
            return { kind: 'appended', error: null };
          } catch (thrown) {
            return { kind: 'appended', error: messageOf(thrown) };
          }
        case 'ask':
          try {
            return { kind: 'answer', id: request.id, answer: database.answer(request.question) };
          } catch (thrown) {
            return { kind: 'failed', id: request.id, message: messageOf(thrown) };
          }
        case 'close':
          database.close();
          return 'closed';
      }
    },
  };
});

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
