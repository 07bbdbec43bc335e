/** What nobody in a sandbox may reach: a file and an environment variable with a secret, a port, a folder without a file. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Canaries {
  readonly folder: string;
  readonly secretFile: string;
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
  /** Programs write here where they want to show that they got out; it is the working folder of the engine as well. */
  readonly sentinelFolder: string;
  /** What was touched since it was asked last. */
  touched(): string[];
  close(): void;
}

export async function openCanaries(): Promise<Canaries> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tick-runtime-suites-')));
  const secret = `host-secret-${randomBytes(16).toString('hex')}`;
  const secretFile = join(folder, 'canary.txt');
  writeFileSync(secretFile, secret);
  const sentinelFolder = join(folder, 'sentinel');
  mkdirSync(sentinelFolder);
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    folder,
    secretFile,
    env: { ...process.env, TICK_RUNTIME_CANARY: secret, TICK_RUNTIME_CANARY_URL: `http://127.0.0.1:${port}/` },
    port,
    sentinelFolder,
    touched() {
      const files = readdirSync(sentinelFolder);
      for (const file of files) rmSync(join(sentinelFolder, file), { recursive: true, force: true });
      const seen = [...files.map((file) => `a file was written: ${file}`)];
      if (connections > 0) seen.push(`${connections} connections to the canary port`);
      connections = 0;
      return seen;
    },
    close() {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
