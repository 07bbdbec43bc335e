/** The files that `runtime init` writes: the smallest folder that is worth starting. A test runs `config check` on them. */

const RUNTIME_YAML = `# yaml-language-server: $schema=./runtime.schema.json
# Tick Runtime. Check this file with: npx runtime config check
# Durations are written 500ms, 10s, 5m, 1h; sizes 64MiB. Values may come from outside:
# "\${env:NAME}", "\${env:NAME:-default}", "\${file:path}".

# State and records live here; relative to this file.
data: ./.runtime

# Every .py, .js and .ts file in this folder is a worker (not those that begin with _).
workersFolder: ./workers

# For every worker that does not say otherwise.
defaults:
  interval: 10s      # 1s to 1h
  maxErrors: 5       # so many errors one after the other stop a worker
  timeout: 60s       # of one tick

# Workers that need settings of their own are listed.
workers:
  - file: ./workers/hello.py
    interval: 2s
    params:          # the worker reads them as ctx.params
      greeting: Hello

  # - name: nightly
  #   file: ./workers/nightly.py
  #   cron: "0 3 * * *"
  #   timezone: Europe/Berlin

# What ctx.http may do. Private addresses are refused unless they are listed.
# http:
#   allowPrivate: ["127.0.0.1:8080"]
`;

const HELLO_PY = `"""A first worker: it counts, and the count survives restarts."""

from ctx import Ctx


def setup(ctx: Ctx):
    """Runs once when the worker is started."""
    ctx.log.info("ready")


def tick(ctx: Ctx):
    """Runs on every tick."""
    count = ctx.state.get("count", 0) + 1
    ctx.state.set("count", count)
    ctx.log.info(f"{ctx.params.get('greeting', 'Hi')}, tick number {count}")


def on_error(ctx: Ctx, error):
    """Runs when a tick fails."""
    ctx.log.error(f"that went wrong: {error}")
`;

const DICE_TS = `import type { Ctx } from './ctx.js';

/** A worker in TypeScript: it rolls a die and keeps how often each number came. */
export function tick(ctx: Ctx) {
  const rolled = String(1 + Math.floor(Math.random() * 6));
  const counts = ctx.state.get('counts', {}) as Record<string, number>;
  counts[rolled] = (counts[rolled] ?? 0) + 1;
  ctx.state.set('counts', counts);
  ctx.log.info(\`rolled \${rolled}\`, { counts });
}
`;

/** Relative path → text. */
export const STARTER_FILES: Readonly<Record<string, string>> = {
  'runtime.yaml': RUNTIME_YAML,
  'workers/hello.py': HELLO_PY,
  'workers/dice.ts': DICE_TS,
  '.gitignore': '.runtime/\n',
};
