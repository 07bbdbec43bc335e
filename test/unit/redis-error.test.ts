import { expect, test } from 'vitest';
import { rootReason, tellingReason } from '../../src/store/redis/redis-error.ts';

test('the client says "no connection" by an option of its own, which is no word for a user', () => {
  const thrown = new Error("Stream isn't writeable and enableOfflineQueue options is false");
  expect(rootReason(thrown)).toBe('there is no connection');
});

test('what ended the connection tells more than that there is none', () => {
  expect(tellingReason('connect ECONNREFUSED 127.0.0.1:6379', 'there is no connection')).toMatch('ECONNREFUSED');
  expect(tellingReason(null, 'there is no connection')).toBe('there is no connection');
  expect(tellingReason('read ECONNRESET', 'NOPERM no permission')).toMatch('NOPERM');
});

test('a client of several servers says what went wrong at one of them', () => {
  const root = new Error('connect ECONNREFUSED 127.0.0.1:7000');
  const cluster = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: root });
  expect(rootReason(cluster)).toBe(root.message);
  expect(rootReason(new AggregateError([cluster]))).toBe(root.message);
});

test('what a script was refused is told without the script', () => {
  const sha = '04903f798f45e7b7918ab2ec301ee5171b63002a';
  const refused = `MISCONF Errors writing to the AOF file: No space left on device script: ${sha}, on @user_script:13.`;
  expect(rootReason(new Error(refused))).toBe('MISCONF Errors writing to the AOF file: No space left on device');
});

test.each([
  [
    'All sentinels are unreachable. Retrying from scratch after 100ms.',
    'the sentinels name no master that answers as one',
  ],
  [
    'All sentinels are unreachable. Retrying from scratch after 50ms. Last error: connect ECONNREFUSED 127.0.0.1:1',
    'no sentinel answers: connect ECONNREFUSED 127.0.0.1:1',
  ],
  [
    'All sentinels are unreachable. Retrying from scratch after 50ms. Last error: ERR No such master with that name',
    'the sentinels know no master of this name',
  ],
  [
    '4053FE00AA7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl/ssl/record/rec_layer_s3.c:912:SSL alert number 116\n',
    'TLS: tlsv13 alert certificate required',
  ],
  ['Too many Cluster redirections. Last error: ReplyError: MOVED 1 127.0.0.1:2', 'MOVED 1 127.0.0.1:2'],
])('%j is told as %j', (message, reason) => {
  expect(rootReason(new Error(message))).toBe(reason);
});
