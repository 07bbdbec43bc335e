/**
 * Writes until the disk refuses (the caller limits the size of files), then goes on with something small. Prints what
 * happened as one JSON object.
 */
import { openEmbeddedStores } from '../../src/store/embedded/open.ts';

// Without a listener the kernel ends the process instead of refusing the write.
process.on('SIGXFSZ', () => {});

const [dataDir = ''] = process.argv.slice(2);
const stores = await openEmbeddedStores({ dataDir, log: () => {} });
const worker = 'default/greedy';
const { epoch } = await stores.state.claim(worker);
const value = JSON.stringify('x'.repeat(200_000));
const codes = new Set<unknown>();
let revision = 0n;

async function write(key: string, json: string): Promise<boolean> {
  try {
    const commitId = `${key}-${revision}`;
    const next = { worker, epoch, base: revision, revision: revision + 1n, commitId, head: '{}' };
    const result = await stores.state.commit({ ...next, changes: [{ key, json }] });
    if (result.kind === 'ok') revision += 1n;
    else codes.add(result.kind);
    return result.kind === 'ok';
  } catch (error) {
    codes.add(error instanceof Error && 'code' in error ? error.code : String(error));
    return false;
  }
}

let refused = 0;
for (let n = 0; n < 40; n++) {
  if (!(await write(`key-${n}`, value))) refused += 1;
}
const resumed = await write('small', '1');
await stores.close();
console.log(JSON.stringify({ acknowledged: Number(revision), refused, codes: [...codes], resumed }));
