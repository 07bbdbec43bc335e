/** A worker as the engine knows it: resolved settings and code. `config/` and `createRuntime` both end here. */

export type Language = 'python' | 'javascript';

/** When a worker ticks. */
export type Schedule =
  | { readonly kind: 'interval'; readonly intervalMs: number }
  | { readonly kind: 'cron'; readonly expression: string; readonly timezone: string; readonly catchUp: 'none' | 'one' };

export interface SourceFile {
  /** Relative, with `/`, no `..`. */
  readonly path: string;
  readonly text: string;
}

/** Where the code comes from: a file of the operator (its folder may be read) or text handed in by a platform. */
export type WorkerSource =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'files'; readonly entry: string; readonly files: readonly SourceFile[] };

/** What can be changed while the worker runs, without losing state. */
export interface WorkerSettings {
  readonly schedule: Schedule;
  readonly maxErrors: number;
  readonly params: unknown;
  readonly tickTimeoutMs: number;
  readonly setupTimeoutMs: number;
  readonly onErrorTimeoutMs: number;
  /** CPU time of one call of its functions; null: only the timeouts bound it. */
  readonly cpuLimitMs: number | null;
  readonly memoryBytes: number;
  readonly isolation: 'shared' | 'dedicated';
}

export interface WorkerDefinition {
  readonly workspace: string;
  readonly name: string;
  readonly source: WorkerSource;
  readonly settings: WorkerSettings;
}

/** The code of one version, ready for a sandbox. */
export interface CompiledWorker {
  readonly language: Language;
  /** First 12 hex digits of the SHA-256 over the source files. */
  readonly version: string;
  /** Path of the worker's own file as people know it. */
  readonly entry: string;
  /** JavaScript: the bundle. */
  readonly code?: string;
  /** Python: path → text. */
  readonly files?: Readonly<Record<string, string>>;
  /** JavaScript: `setup` assigns variables of the module. Python: found out in the sandbox. */
  readonly setupBindsGlobals: boolean;
  /** Turns a stack from the guest into one that names the user's own files. */
  mapStack(stack: string): string;
  /** The same for stacks and positions inside the text of a log line, which is otherwise left as it is. */
  mapLogText(text: string): string;
  /** `json`: the fields of a log line. What comes back is JSON if that was. */
  mapLogFields(json: string): string;
}

/** A finding about code that keeps it from running; the message starts with `file:line:column:`. */
export interface CodeProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
