/** `runtime config check`: everything that can be wrong before the first tick, in one go. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { displayPath, loadConfig } from '../../config/load.ts';
import type { ConfiguredWorker } from '../../config/resolve.ts';
import { ERRORS, RuntimeError } from '../../core/errors.ts';
import { compileWorker, createRuntime, type Runtime } from '../../index.ts';
import { codeProblems, describeCodeProblems } from '../failure.ts';
import type { Output } from '../output.ts';
import { countOf, printable, workerLabel } from '../text.ts';

interface Checked {
  readonly worker: string;
  readonly file: string;
  readonly ok: boolean;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export async function checkCommand(file: string, output: Output, environment: Environment): Promise<number> {
  const config = loadConfig(file, environment);
  const checked = await checkAll(config.workers);
  const broken = checked.filter(({ ok }) => !ok);
  const width = Math.max(0, ...checked.map(({ worker }) => worker.length));
  for (const { worker, file: shown, ok, text, data } of checked) {
    if (output.json) output.data({ kind: 'worker', worker, file: shown, ok, ...data });
    else {
      const mark = ok ? output.style('green', 'ok     ') : output.style('red', 'problem');
      output.line(
        `${mark}  ${worker.padEnd(width)}  ${printable(text).replaceAll('\n', `\n${' '.repeat(width + 11)}`)}`,
      );
    }
  }
  if (output.json)
    output.data({ kind: 'summary', ok: broken.length === 0, workers: checked.length, broken: broken.length });
  else {
    const result = broken.length === 0 ? 'the configuration is right' : `${broken.length} of them cannot run`;
    output.line(`${displayPath(config.file)}: ${countOf(checked.length, 'worker')}, ${result}`);
  }
  return broken.length === 0 ? 0 : ERRORS.CODE_INVALID.exit;
}

/** Workers that are loaded at the same time, each in a process of its own. */
const AT_ONCE = 4;

/** Whatever passes the compiler is loaded, in an engine that lives for this check. */
async function checkAll(workers: readonly ConfiguredWorker[]): Promise<readonly Checked[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tick-check-'));
  const runtime = createRuntime({ dataDir: folder });
  let started: Promise<void> | null = null;
  const engine = async (): Promise<Runtime> => {
    started ??= runtime.start();
    await started;
    return runtime;
  };
  try {
    const checked = new Map<number, Checked>();
    const queue = workers.entries();
    const lane = async () => {
      for (const [index, worker] of queue) checked.set(index, await checkWorker(worker, engine));
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, workers.length) }, lane));
    return workers.flatMap((_, index) => checked.get(index) ?? []);
  } finally {
    if (started !== null) await runtime.stop({ now: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkWorker({ options }: ConfiguredWorker, engine: () => Promise<Runtime>): Promise<Checked> {
  const worker = workerLabel(`${options.workspace}/${options.name}`);
  const file = options.source.kind === 'file' ? displayPath(options.source.file) : options.source.entry;
  try {
    const { language, version } = await compileWorker(options.source);
    await (await engine()).check(options);
    return { worker, file, ok: true, text: `${file}  ${language}, version ${version}`, data: { language, version } };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { code } = error;
    const problems = codeProblems(error, options.source);
    const text = describeCodeProblems(error, options.source);
    return { worker, file, ok: false, text, data: { code, message: text, problems } };
  }
}
