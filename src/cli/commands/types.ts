/** `runtime types`: the types of ctx for editors, written beside the workers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { displayPath } from '../../config/load.ts';
import type { Output } from '../output.ts';
import { packageFolder } from '../package.ts';
import { writeFiles } from '../write-new.ts';

/** File name → text of the types of ctx. */
export function typeFiles(): Map<string, string> {
  const names = ['ctx.d.ts', 'ctx.pyi'];
  return new Map(names.map((name) => [name, readFileSync(join(packageFolder(), 'sandbox/guest', name), 'utf8')]));
}

/** Replaces older ones: they belong to the runtime, not to the user. */
export async function typesCommand(dir: string, output: Output): Promise<number> {
  const files = typeFiles();
  writeFiles(dir, files);
  for (const name of files.keys()) output.line(`wrote ${displayPath(join(process.cwd(), dir, name))}`);
  return 0;
}
