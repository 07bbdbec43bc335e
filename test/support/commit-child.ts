/**
 * A node in small, to be killed: opens the folder, takes over every worker, and counts each of them up as fast as
 * commits are acknowledged. One line `worker value` per acknowledged commit, written before anything else happens.
 */
import { openEmbeddedStores } from '../../src/store/embedded/open.ts';
import { say } from './say.ts';

const [dataDir = '', workers = '8'] = process.argv.slice(2);
const { state } = await openEmbeddedStores({ dataDir, log: () => {} });

async function count(worker: string): Promise<void> {
  const { epoch, revision, entries } = await state.claim(worker);
  let value = Number(new Map(entries).get('n') ?? '0');
  for (let base = revision; ; base += 1n) {
    value += 1;
    const result = await state.commit({
      worker,
      epoch,
      base,
      revision: base + 1n,
      commitId: `${epoch}-${base}`,
      head: `{"tick":${value}}`,
      changes: [
        { key: 'n', json: String(value) },
        { key: 'twin', json: String(value) },
      ],
    });
    if (result.kind !== 'ok') throw new Error(`commit ${base} of ${worker} was refused: ${result.kind}`);
    say(`${worker} ${value}`);
  }
}

say('open');
await Promise.all(Array.from({ length: Number(workers) }, (_, n) => count(`default/w${n}`)));
