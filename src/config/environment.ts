/** The only reader of `process.env`: what the configuration and the CLI take from the environment goes through here. */

export interface Environment {
  /** The value of a variable; undefined when it is not set. */
  get(name: string): string | undefined;
  /** File descriptor whose end tells the CLI that the wrapper which started it is gone; see bin/runtime.mjs. */
  readonly lifelineFd: number | undefined;
}

const LIFELINE = 'TICK_RUNTIME_LIFELINE_FD';

/** Reads the environment of this process. The lifeline is taken out, so that no child mistakes it for its own. */
export function readEnvironment(): Environment {
  const lifeline = process.env[LIFELINE];
  delete process.env[LIFELINE];
  return {
    get: (name) => process.env[name],
    lifelineFd: lifeline !== undefined && /^\d{1,3}$/.test(lifeline) ? Number(lifeline) : undefined,
  };
}

/** Where programs of the system are looked for. */
export function readSearchPath(): string {
  return process.env['PATH'] ?? '';
}

/** An environment of fixed variables, for tests and embedders. */
export function fixedEnvironment(variables: Readonly<Record<string, string>>): Environment {
  const map = new Map(Object.entries(variables));
  return { get: (name) => map.get(name), lifelineFd: undefined };
}
