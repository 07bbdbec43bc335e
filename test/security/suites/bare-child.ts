/** The baseline: isolated-vm with nothing around it, one isolate for each program. Started by {@link ./child.ts}. */
import ivm from 'isolated-vm';
import { guestParams, harnessText, readGuest } from './guest-params.ts';
import { DETAIL_CHARS, type End, type FromChild, type GuestReport, type Program, type ToChild } from './program.ts';

const MEMORY_MIB = 64;
/** Some isolates cannot be ended any more: they are left behind. */
const STUCK_MS = 5_000;
const GUEST = `${readGuest()}`;

const say = (message: FromChild): void => void process.send?.(message);

async function run(program: Program): Promise<void> {
  const isolate = new ivm.Isolate({ memoryLimit: MEMORY_MIB });
  let report: GuestReport | null = null;
  let detail = '';
  let timer: NodeJS.Timeout | undefined;
  try {
    const context = await isolate.createContext();
    const callback = new ivm.Callback((json: string) => {
      report ??= JSON.parse(json) as GuestReport;
    });
    // Nothing here looks for the host: the program is judged, no more.
    const params = { ...guestParams(program, harnessText(program), ''), nativeNames: [] };
    const entered = context.evalClosure(
      `const run = ${GUEST}; const { stringify } = JSON; const say = $1; run($0, null, (report) => say(stringify(report)));`,
      [new ivm.ExternalCopy(params).copyInto({ release: true }), callback],
      { timeout: program.timeoutMs },
    );
    const stuck = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('timed out, and stuck')), program.timeoutMs + STUCK_MS);
    });
    await Promise.race([entered, stuck]);
  } catch (error) {
    detail = error instanceof Error ? error.message : String(error);
  }
  clearTimeout(timer);
  if (!isolate.isDisposed) isolate.dispose();
  const { end, detail: reason } = (report as GuestReport | null) ?? { end: endOf(detail), detail };
  say({ kind: 'verdict', verdict: { id: program.id, end, detail: reason.slice(0, DETAIL_CHARS), reached: [] } });
}

function endOf(message: string): End {
  if (message.includes('timed out')) return 'timeout';
  return message.includes('disposed') ? 'memory' : 'fail';
}

/** Not by `process.exit`, which waits for isolates that cannot be ended. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

process.on('message', (message: ToChild) => {
  switch (message.kind) {
    case 'run':
      return void run(message.program);
    case 'ping':
      return say({ kind: 'pong', canaryTicks: 0, canaryErrors: 0 });
    case 'stop':
      return end();
  }
});
process.on('disconnect', end);
say({ kind: 'ready' });
