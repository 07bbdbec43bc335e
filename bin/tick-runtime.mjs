/** The library: `import { createRuntime } from 'tick-runtime'`. Plain JavaScript, so that an older Node gets a sentence. */
import { entryUrl } from './entry.mjs';

const NODE_MAJOR = 26;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR) {
  const message = `tick-runtime needs Node ${NODE_MAJOR} and this is Node ${process.versions.node}; start your program with npx node, which uses the one that npm installed`;
  const error = Object.assign(new Error(message), { name: 'RuntimeError', code: 'NODE_TOO_OLD' });
  error.stack = `RuntimeError: ${message}`;
  throw error;
}

export const {
  createRuntime,
  RuntimeError,
  ERRORS,
  systemClock,
  compileWorker,
  formatStateFile,
  parseStateFile,
  migratePostgres,
} = await import(entryUrl('index'));
