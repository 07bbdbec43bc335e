/** The last line of a node that could not store everything: whose changes are where, and what to do about it. */
import type { UnsavedWorker } from '../runtime.ts';
import { countOf, workerLabel } from './text.ts';

/** Workers that it names. */
const NAMES_MAX = 10;

export function unsavedText(unsaved: readonly UnsavedWorker[]): string {
  const lost = unsaved.filter(({ unacknowledged }) => unacknowledged);
  const inRedis = unsaved.filter(({ onlyInRedis }) => onlyInRedis);
  const parts: string[] = [];
  if (inRedis.length > 0)
    parts.push(
      `only Redis has the last changes of ${named(inRedis)}: keep its data until Postgres is back, then start again, which brings Postgres up to them`,
    );
  if (lost.length > 0)
    parts.push(
      `no store has confirmed the very last changes of ${named(lost)}: they were not acknowledged and may be lost; a start goes on from what is stored`,
    );
  return `stopped, but not everything is stored: ${parts.join('. And ')}`;
}

function named(workers: readonly UnsavedWorker[]): string {
  const names = workers.slice(0, NAMES_MAX).map(({ worker }) => workerLabel(worker));
  const more = workers.length > NAMES_MAX ? `, and ${workers.length - NAMES_MAX} more` : '';
  return `${countOf(workers.length, 'worker')} (${names.join(', ')}${more})`;
}
