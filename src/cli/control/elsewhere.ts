/** A node that stands by has none of its group's workers: who has them answers instead. */
import { RuntimeError } from '../../core/errors.ts';
import type { NodeInfo } from '../../store/placement.ts';

/** `owner` is null where it is not known which node it is. */
export interface Standby {
  readonly owner: NodeInfo | null;
}

export function elsewhere({ owner }: Standby): RuntimeError {
  const who = owner === null ? 'Another node' : `Process ${owner.pid} on ${owner.host}`;
  return new RuntimeError(
    'DATA_LOCKED',
    `${who} runs the workers of this node group: run the command there, with the configuration of that node, or stop it first.`,
    { details: { elsewhere: true, ...(owner === null ? {} : { host: owner.host, pid: owner.pid }) } },
  );
}
