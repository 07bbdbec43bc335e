/** What Redis and its client say when something fails, as one reason, and what a start that cannot use this Redis tells. */
import { RuntimeError } from '../../core/errors.ts';

/** What the client says of any connection that ended, whatever ended it. */
const SAYS_NOTHING =
  /^(Connection is closed|None of startup nodes is available|there is no connection|Command aborted due to connection close)/;
/** Where in which script a command was refused is nothing that a user could look at. */
const IN_SCRIPT = /\s*script: [0-9a-f]{40}, on @user_script:\d+\.?/;
/** It names options of its own. */
const NOT_CONNECTED = /^(Stream isn't writeable|Cluster isn't ready|Reached the max retries per request limit)/;
/** How often it was sent on in vain says less than where to. */
const REDIRECTED = /^Too many Cluster redirections\. Last error: (ReplyError: )?/;
/** It says so too while all run, and lack a master. */
const OF_SENTINELS = /^All sentinels are unreachable\.(?: Last error: (.*))?$/s;
const LOGIN = /WRONGPASS|NOAUTH|invalid password|without any password/i;
/** What its library tells of where in itself it found something wrong. */
const OF_OPENSSL = /^[0-9A-F]+:error:[0-9A-F]{8}:[^:]*:[^:]*:([^:]+):.*$/s;
/** What differs from attempt to attempt without being another reason. */
const ATTEMPT = / Retrying from scratch after \d+ms\./;

/** A cluster and a sentinel wrap what went wrong with each of their hosts. */
export function rootReason(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return rootReason(thrown.errors[0]);
  if (!(thrown instanceof Error)) return String(thrown);
  if ('lastNodeError' in thrown && thrown.lastNodeError instanceof Error) return rootReason(thrown.lastNodeError);
  if ('previousErrors' in thrown && Array.isArray(thrown.previousErrors) && thrown.previousErrors[0] instanceof Error)
    return rootReason(thrown.previousErrors[0]);
  if ('code' in thrown && thrown.message === '') return String(thrown.code);
  if (NOT_CONNECTED.test(thrown.message)) return 'there is no connection';
  if (thrown.message === 'timeout') return 'no answer';
  const text = thrown.message
    .replace(REDIRECTED, '')
    .replace(ATTEMPT, '')
    .replace(IN_SCRIPT, '')
    .replace(OF_OPENSSL, 'TLS: $1')
    .trim();
  const [said, why] = OF_SENTINELS.exec(text) ?? [];
  return said === undefined ? text : sentinelReason(why);
}

/** `why`: what one of them said last. */
function sentinelReason(why: string | undefined): string {
  if (why === undefined) return 'the sentinels name no master that answers as one';
  if (/No such master/i.test(why)) return 'the sentinels know no master of this name';
  if (SAYS_NOTHING.test(why) || why === 'Command timed out') return 'no sentinel answers';
  return LOGIN.test(why) ? `a sentinel refuses the login: ${why}` : `no sentinel answers: ${why}`;
}

/** Of two reasons for the same failure, the earlier one where the later one says nothing. */
export function tellingReason(earlier: string | null, later: string): string {
  return earlier !== null && SAYS_NOTHING.test(later) ? earlier : later;
}

/** Why a start cannot use this Redis: what to change, where something can be changed. `where` shows no password; `keys` as an ACL names them. */
export function openError(reason: string, where: string, keys: string): RuntimeError {
  // Its own full stop, or what a sentence would not end with.
  const why = reason.replace(/[\s.:]+$/, '');
  const unusable = (advice: string): RuntimeError =>
    new RuntimeError('STORE_UNUSABLE', `Redis at ${where} cannot be used: ${why}. ${advice}`);
  if (/^a sentinel refuses the login/.test(why))
    return unusable('Check redis.sentinel.password, and redis.sentinel.username where it has users.');
  if (LOGIN.test(why)) return unusable('Check user and password in redis.url.');
  if (/NOPERM/.test(why)) return unusable(`Give its user the right to all commands on the keys ${keys}.`);
  if (/alert certificate required/.test(why))
    return unusable('It wants a certificate of this node: set redis.tls.cert and redis.tls.key.');
  if (/certificate|self[- ]signed|SSL|TLS/i.test(why)) return unusable('Check redis.tls.');
  if (/DB index is out of range/i.test(why)) return unusable('Name another database in redis.url.');
  if (/cluster support disabled/i.test(why)) return unusable('It is no cluster; write redis:// for one server.');
  if (/unknown command.*sentinel/i.test(why)) return unusable('It is no sentinel; write redis:// for one server.');
  return new RuntimeError(
    'STORE_UNAVAILABLE',
    `Redis at ${where} does not answer: ${why}. Check redis.url, and that the server is up.`,
  );
}
