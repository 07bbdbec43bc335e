/** `runtime status`: how the node of a data folder stands, above all whether Postgres has what was acknowledged. */
import type { Environment } from '../../config/environment.ts';
import { displayPath, loadConfig } from '../../config/load.ts';
import { RuntimeError } from '../../core/errors.ts';
import { MiB } from '../../core/limits.ts';
import { connectControl } from '../control/client.ts';
import type { NodeStatus } from '../control/node-status.ts';
import type { Output, Style } from '../output.ts';
import { countOf, milliseconds, printable, workerLabel } from '../text.ts';

/** Workers that people are shown. */
const SHOWN_MAX = 20;

export async function statusCommand(file: string, output: Output, environment: Environment): Promise<number> {
  const { options } = loadConfig(file, environment);
  const node = await connectControl(options.dataDir);
  if (node === null)
    throw new RuntimeError(
      'NOT_RUNNING',
      `No node runs with the data folder ${displayPath(options.dataDir)}, or it is only just starting or ending; \`runtime start\` starts one.`,
    );
  try {
    const status = await node.call('status', {});
    if (output.json) output.data({ kind: 'status', at: Date.now(), ...status });
    else show(status, output);
  } finally {
    await node.close();
  }
  return 0;
}

function show(status: NodeStatus, output: Output): void {
  const row = (label: string, text: string, style?: Style): void => {
    const value = printable(text);
    output.line(
      `${output.style('gray', label.padEnd(9))}  ${style === undefined ? value : output.style(style, value)}`,
    );
  };
  const { version, node, host, pid, since, store, cells, overloaded, workers } = status;
  row('node', `${node === null ? '' : `${node}, `}process ${pid} on ${host}, version ${version}, since ${since}`);
  row(
    'placement',
    placementText(status),
    status.placement === 'held' || status.placement === null ? undefined : 'yellow',
  );
  if (store === null || cells === null || workers === null) return;
  row('state', kindText(store));
  const durable = durabilityText(store);
  if (durable !== null) row('stored', durable, store.lag === null ? undefined : 'red');
  row(
    'cells',
    `${cells.javascript + cells.python} (${cells.javascript} JavaScript, ${cells.python} Python), ${Math.round(cells.rssBytes / MiB)} MiB${jailText(cells)}`,
  );
  for (const { workspace, waiting, oldestMs } of overloaded ?? []) {
    const text = `workspace ${workspace}: ${waiting} runs wait for their turn, the first for ${Math.round(oldestMs)} ms`;
    row('overload', text, 'yellow');
  }
  const states = Object.entries(workers.states)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([state, count]) => `${count} ${state}`);
  row('workers', workers.total === 0 ? 'none' : `${workers.total}: ${states.join(', ')}`);
  if (workers.unwellTotal === 0) return;
  const shown = workers.unwell.slice(0, SHOWN_MAX);
  for (const { worker, state, reason } of shown) {
    const why = reason === null ? '' : `: ${reason.split('\n', 1)[0] ?? ''}`;
    row('', `${workerLabel(worker)} is ${state}${why}`, 'yellow');
  }
  if (workers.unwellTotal > shown.length) row('', `and ${workers.unwellTotal - shown.length} more`);
}

function placementText({ placement, owner }: NodeStatus): string {
  switch (placement) {
    case null:
      return 'this node has the data folder, and runs the workers';
    case 'held':
      return 'held: this node runs the workers of its group';
    case 'standby': {
      const who = owner === null ? 'another node' : `process ${owner.pid} on ${owner.host}`;
      return `standby: ${who} runs the workers of this group; ask there for more`;
    }
    case 'cut-off':
      return 'cut-off: the lease has run out, and Postgres cannot be reached';
    case 'unsure':
      return 'unsure: the lease has run out while this node stood still, and is being renewed';
    case 'lost':
      return 'lost: another node took the workers over';
  }
}

function kindText({ kind, ack }: NonNullable<NodeStatus['store']>): string {
  switch (kind) {
    case 'embedded':
      return 'in the data folder';
    case 'postgres':
      return 'in Postgres';
    case 'redis+postgres':
      return `in Redis and Postgres, ack: ${ack}`;
    case 'own':
      return 'in a store of the embedding program';
  }
}

/** All cells of a node are held in the same way. */
function jailText({ jails }: NonNullable<NodeStatus['cells']>): string {
  if (jails.bubblewrap > 0) return ', behind bubblewrap';
  if (jails.namespaces > 0) return ', behind namespaces';
  return jails.process > 0 ? ', without a wall of the system' : '';
}

/** Null where there is one copy. */
function durabilityText({ kind, ack, lag, lagSince }: NonNullable<NodeStatus['store']>): string | null {
  if (kind !== 'redis+postgres') return null;
  if (lag !== null) {
    const much = `${countOf(lag.workers, 'worker')} (${countOf(lag.characters, 'character')} of keys and values)`;
    return `Postgres lacks changes of ${much} since ${lagSince}, for ${milliseconds(lag.sinceMs)} now: ${lag.reason}`;
  }
  if (ack === 'postgres') return 'everything acknowledged is in Postgres';
  return 'Postgres has everything but what came within the last state.checkpoint';
}
