/** What a node says about itself when `runtime status` asks: bounded, however many workers it has. */
import { hostname } from 'node:os';
import type { JailLevel, Overload, Runtime, StoreStatus, WorkerStatus } from '../../runtime.ts';
import type { LeaseState, NodeInfo } from '../../store/placement.ts';
import { packageVersion } from '../package.ts';
import type { Refusal } from '../refusals.ts';
import { shorten } from '../text.ts';
import type { NodeNotes } from './methods.ts';

export interface UnwellWorker {
  readonly worker: string;
  readonly state: string;
  readonly reason: string | null;
}

export interface NodeStatus {
  readonly version: string;
  /** Null of a node that stands by. */
  readonly node: string | null;
  readonly host: string;
  readonly pid: number;
  /** Of the process, ISO 8601, UTC. */
  readonly since: string;
  /** Null where the data folder is all that the node owns. */
  readonly placement: LeaseState | 'standby' | null;
  /** Who has the workers that this node stands by for. */
  readonly owner: NodeInfo | null;
  /** This and what follows are null of a node that stands by. `lagSince` is ISO 8601, UTC. */
  readonly store: (StoreStatus & { readonly lagSince: string | null }) | null;
  readonly overloaded: readonly Overload[] | null;
  readonly cells: {
    readonly javascript: number;
    readonly python: number;
    readonly rssBytes: number;
    /** How many are held in which way. */
    readonly jails: Readonly<Record<JailLevel, number>>;
  } | null;
  readonly workers: {
    readonly total: number;
    readonly states: Readonly<Record<string, number>>;
    readonly unwellTotal: number;
    /** The first of them. */
    readonly unwell: readonly UnwellWorker[];
  } | null;
}

const OVERLOADED_MAX = 100;
const UNWELL_MAX = 100;
const REASON_CHARACTERS_MAX = 500;
const RUNNING = 'running' as const;
const UNWELL: ReadonlySet<string> = new Set(['paused', 'failed', 'invalid', 'backoff', 'recovering']);

export function nodeStatus(runtime: Runtime, { standby, refusals }: NodeNotes): NodeStatus {
  const { pid } = process;
  const since = new Date(performance.timeOrigin).toISOString();
  const self = { version: packageVersion(), host: hostname(), pid, since };
  if (standby !== null) {
    const { owner } = standby;
    return {
      ...self,
      node: null,
      placement: 'standby',
      owner,
      store: null,
      overloaded: null,
      cells: null,
      workers: null,
    };
  }
  const { node, workers, cells, overloaded, store } = runtime.status();
  const lagSince = store.lag === null ? null : new Date(Date.now() - store.lag.sinceMs).toISOString();
  const ofBackend = (backend: string): number => cells.filter((cell) => cell.backend === backend).length;
  const jails = { bubblewrap: 0, namespaces: 0, process: 0 };
  for (const { jail } of cells) jails[jail] += 1;
  return {
    ...self,
    node: node.node,
    placement: store.lease,
    owner: null,
    store: { ...store, lagSince },
    overloaded: overloaded.slice(0, OVERLOADED_MAX),
    cells: {
      javascript: ofBackend('isolate'),
      python: ofBackend('pyodide'),
      rssBytes: cells.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
      jails,
    },
    workers: workersOf(withRefused(workers, refusals.all)),
  };
}

type Shown = Pick<WorkerStatus, 'workspace' | 'name' | 'state' | 'desired' | 'reason'>;

/** Those that could not be deployed, in the place of what is stored of them, and those of which nothing is. */
function withRefused(all: readonly WorkerStatus[], refusals: ReadonlyMap<string, Refusal>): readonly Shown[] {
  const left = new Map(refusals);
  const known = all.map((status) => {
    const id = `${status.workspace}/${status.name}`;
    const refusal = left.get(id);
    left.delete(id);
    return refusal === undefined || status.language !== null ? status : { ...status, ...refusal, desired: RUNNING };
  });
  const others = Array.from(left, ([id, refusal]) => {
    const [workspace = '', name = ''] = id.split('/');
    return { workspace, name, ...refusal, desired: RUNNING };
  });
  return [...known, ...others];
}

function workersOf(all: readonly Shown[]): NodeStatus['workers'] {
  const states: Record<string, number> = {};
  for (const { state } of all) states[state] = (states[state] ?? 0) + 1;
  const unwell = all.filter(isUnwell);
  return {
    total: all.length,
    states,
    unwellTotal: unwell.length,
    unwell: unwell.slice(0, UNWELL_MAX).map(({ workspace, name, state, reason }) => ({
      worker: `${workspace}/${name}`,
      state,
      reason: reason === null ? null : shorten(reason, REASON_CHARACTERS_MAX),
    })),
  };
}

/** One that should run and does not, and one that waits for its store to be stopped. */
const isUnwell = ({ state, desired, reason }: Shown): boolean =>
  UNWELL.has(state) || (state === 'stopping' && reason !== null) || (state === 'stopped' && desired === 'running');
