/** `runtime init`: a folder in which `runtime start` works at once, and every line explains itself. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { displayPath } from '../../config/load.ts';
import type { Output } from '../output.ts';
import { STARTER_FILES } from '../starter.ts';
import { writeNewFiles } from '../write-new.ts';
import { schemaText } from './config-schema.ts';
import { typeFiles } from './types.ts';

export async function initCommand(dir: string, output: Output): Promise<number> {
  const files = new Map(Object.entries(STARTER_FILES));
  files.set('runtime.schema.json', `${schemaText()}\n`);
  for (const [name, text] of typeFiles()) files.set(`workers/${name}`, text);
  // A repository has one already, and it is not ours to change.
  if (existsSync(join(dir, '.gitignore'))) files.delete('.gitignore');
  writeNewFiles(dir, files);

  const shown = displayPath(resolve(dir));
  const here = resolve(dir) === process.cwd();
  output.line(`wrote ${files.size} files to ${here ? 'this folder' : shown}:`);
  for (const path of [...files.keys()].sort()) output.line(`  ${path}`);
  output.line('');
  output.line(output.style('bold', 'Next:'));
  const config = here ? '' : ` --config ${shown}/runtime.yaml`;
  output.line(`  npx runtime start${config}          the workers tick; Ctrl-C stops, the next start goes on`);
  output.line(`  npx runtime config check${config}   after you change something`);
  return 0;
}
