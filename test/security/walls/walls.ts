/**
 * Every wall, and what takes it away: one change to one file. `npm run test:walls` makes each change in a scratch copy and
 * expects that the tests named here go red. A wall whose loss no test notices is not there.
 */

export interface Wall {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Test files, and which of their tests (a pattern for vitest's -t); or the runner, and which cases. One of them must fail. */
  readonly red: readonly { readonly file: string; readonly only?: string }[];
}

/** Cases of the corpus, by parts of their names. */
const CORPUS = 'test/security/runner/main.ts';

export const WALLS: readonly Wall[] = [
  // The isolate: what the memory limit does not count.
  {
    name: 'no resizable buffers',
    file: 'sandbox/guest/memory.guest.ts',
    find: '(options as { maxByteLength?: unknown }).maxByteLength !== undefined',
    replace: 'false',
    red: [{ file: CORPUS, only: 'buffer-resizable' }],
  },
  {
    name: 'no WebAssembly, SharedArrayBuffer, Atomics',
    file: 'sandbox/guest/memory.guest.ts',
    find: "['SharedArrayBuffer', 'Atomics', 'WebAssembly']",
    replace: '[]',
    red: [{ file: 'test/security/walk.test.ts' }],
  },
  {
    name: 'user code formats no stacks',
    file: 'sandbox/guest/memory.guest.ts',
    find: '    get: () => undefined,\n    set: () => undefined,\n    configurable: false,\n',
    replace: '    value: undefined,\n    writable: true,\n    configurable: true,\n',
    red: [{ file: CORPUS, only: 'prepare-stack-trace' }],
  },
  {
    name: 'running code has a time limit',
    file: 'sandbox/isolate/guest-isolate.ts',
    find: '{ timeout: Math.max(1, Math.ceil(timeoutMs)) }',
    replace: '{}',
    red: [{ file: 'test/integration/engine-timeouts.test.ts', only: 'without the loss of its variables' }],
  },
  {
    name: 'waiting code has one too',
    file: 'sandbox/cell/sandbox.ts',
    find: '    this.#deadline.arm(run.leftMs(performance.now()));\n',
    replace: '',
    red: [{ file: 'test/integration/engine-timeouts.test.ts', only: 'never settles' }],
  },
  {
    name: 'the node ends a cell whose run does not end',
    file: 'src/supervisor/session.ts',
    find: 'else if (now - run.startedAt > run.order.timeoutMs',
    replace: 'else if (now - run.startedAt > 1e9 + run.order.timeoutMs',
    red: [{ file: 'test/integration/watchdogs.test.ts' }],
  },
  {
    name: 'a guest that its isolate cannot end costs its cell',
    file: 'sandbox/cell/sandbox.ts',
    find: '    if (now - slice.disposedAt >= DISPOSED_SETTLE_MS)',
    replace: '    if (now < 0)',
    red: [{ file: CORPUS, only: 'reject-getters,reject-proxy' }],
  },
  {
    name: 'CPU time is limited where that is asked for',
    file: 'sandbox/cell/sandbox.ts',
    find: "    if (slice.run?.hasOverspent(this.#usedMs + usedMs) === true && slice.run.phase === 'running') {",
    replace: '    if (slice === null) {',
    red: [{ file: 'test/integration/engine-timeouts.test.ts', only: 'CPU' }],
  },
  {
    name: 'memory of WebAssembly has a maximum',
    file: 'sandbox/pyodide/boot.ts',
    find: '{ initialPages: this.#initialPages, maximumPages }',
    replace: '{ initialPages: this.#initialPages, maximumPages: 65_536 }',
    red: [{ file: 'test/integration/engine-cells.test.ts', only: 'in Python over its limit' }],
  },
  {
    name: 'a cell is heard for its own sandboxes only',
    file: 'src/supervisor/cell-pool.ts',
    find: 'found?.incarnation === message.incarnation ? found : undefined',
    replace: 'found',
    red: [{ file: 'test/security/wire-sandboxes.test.ts' }],
  },
  {
    name: 'the node counts the calls of a run itself',
    file: 'src/supervisor/call-meter.ts',
    find: '    if (open > CALLS_OPEN_MAX || this.#calls > CALLS_PER_TICK_MAX)',
    replace: '    if (open < 0)',
    red: [{ file: 'test/unit/call-meter.test.ts' }],
  },
  {
    name: 'and their bytes',
    file: 'src/supervisor/call-meter.ts',
    find: '    if (this.#chars > CALL_BYTES_PER_TICK_MAX)',
    replace: '    if (chars < 0)',
    red: [{ file: 'test/unit/call-meter.test.ts' }],
  },
  {
    name: 'calls that are open are few',
    file: 'sandbox/guest/calls.guest.ts',
    find: '      if (holds && open >= limits.callsOpen)',
    replace: '      if (holds && open < 0)',
    red: [{ file: CORPUS, only: 'call-flood' }],
  },
  {
    name: 'calls of a tick are bounded in bytes',
    file: 'sandbox/guest/calls.guest.ts',
    find: '      if (madeChars + chars > limits.callBytesPerTick)',
    replace: '      if (madeChars < 0)',
    red: [{ file: CORPUS, only: 'call-bytes' }],
  },
  {
    name: 'log lines are few',
    file: 'sandbox/guest/log.guest.ts',
    find: '      if (++lines > limits.logLinesPer10s) {',
    replace: '      if (++lines < 0) {',
    red: [{ file: 'test/integration/engine-logs.test.ts' }],
  },
  {
    name: 'a value of the state is bounded',
    file: 'sandbox/guest/state.guest.ts',
    find: '    if (size > limits.stateValueBytes)',
    replace: '    if (size < 0)',
    red: [{ file: CORPUS, only: 'state-large' }],
  },
  {
    name: 'the whole state is bounded',
    file: 'sandbox/guest/state.guest.ts',
    find: '    if (total > limits.stateTotalBytes)\n',
    replace: '    if (total < 0)\n',
    red: [{ file: CORPUS, only: 'state-total' }],
  },
  {
    name: 'keys of the state are bounded',
    file: 'sandbox/guest/state.guest.ts',
    find: '    if (keys > limits.stateKeys)\n',
    replace: '    if (keys < 0)\n',
    red: [{ file: CORPUS, only: 'state-keys' }],
  },
  {
    name: 'a cell has no rights of Node',
    file: 'src/supervisor/cell-launch.ts',
    find: "      '--permission',\n",
    replace: '',
    red: [{ file: 'test/security/lockup.test.ts' }],
  },
  {
    name: 'a cell refuses to run without its flags',
    file: 'sandbox/cell/lockup.ts',
    find: '  if (extra !== undefined) return',
    replace: "  if (extra === '') return",
    red: [{ file: 'test/security/lockup.test.ts' }],
  },
  {
    name: 'a cell has no environment',
    file: 'src/supervisor/cell-process.ts',
    find: 'stdio, env: {}, cwd',
    replace: 'stdio, env: { ...process.env }, cwd',
    red: [{ file: 'test/security/lockup.test.ts' }, { file: 'test/integration/engine-cells.test.ts' }],
  },
  {
    name: 'workspaces share no process',
    file: 'src/supervisor/cell-pool.ts',
    find: '      if (cell.workspace !== request.workspace || cell.backend',
    replace: '      if (cell.backend',
    red: [{ file: 'test/integration/engine-cells.test.ts', only: 'one language and one workspace' }],
  },
  {
    name: 'a culprit waits',
    file: 'src/supervisor/worker-life.ts',
    find: 'Math.max(sandboxPauseMs(this.#tries), this.#probation.pauseMs)',
    replace: 'sandboxPauseMs(this.#tries)',
    red: [{ file: 'test/integration/engine-probation.test.ts' }],
  },
  {
    name: 'a workspace has its share and no more',
    file: 'src/supervisor/turns.ts',
    find: 'this.#room = [options.cores * QUICK_MS_PER_CORE, options.cores, options.cores]',
    replace: 'this.#room = [1e9, 1e9, 1e9]',
    red: [{ file: 'test/unit/turns.test.ts' }],
  },
  {
    name: 'workers are told nothing of the host',
    file: 'src/supervisor/cell-loss.ts',
    find: "  return first.replaceAll(/(?:file:\\/\\/)?(?:\\/|\\b[A-Za-z]:\\\\)[^\\s'\"():]+/g, '…').slice(0, 500);",
    replace: '  return first;',
    red: [{ file: 'test/security/wire-sandboxes.test.ts' }],
  },
  {
    name: 'the real ArrayBuffer is not the constructor of its instances',
    file: 'sandbox/guest/memory.guest.ts',
    find: "  defineProperty(Real.prototype, 'constructor', { value: Guarded, writable: true, configurable: true });\n",
    replace: '',
    red: [{ file: CORPUS, only: 'buffer-resizable' }],
  },
  {
    name: 'finalization callbacks never run',
    file: 'sandbox/guest/memory.guest.ts',
    find: "typeof args[0] === 'function' ? nothing : args[0]",
    replace: 'args[0]',
    red: [{ file: CORPUS, only: 'finalization' }],
  },
  {
    name: 'a cell over its memory budget is killed',
    file: 'src/supervisor/cell-watch.ts',
    find: '    if (cell.rssBytes <= budget) cell.measures += 1;',
    replace: '    if (budget > 0) cell.measures += 1;',
    red: [{ file: 'test/integration/cell-memory.test.ts' }],
  },
  {
    name: 'what a cell says is checked',
    file: 'sandbox/protocol-check.ts',
    find: '  return hasItsKeys(message) && isMessage(message) ? (value as FromCell) : null;',
    replace: '  return value as FromCell;',
    red: [{ file: 'test/security/wire-framing.test.ts' }],
  },
  {
    name: 'and has nothing that is not declared',
    file: 'sandbox/protocol-check.ts',
    find: '  return hasItsKeys(message) && isMessage(message) ?',
    replace: '  return isMessage(message) ?',
    red: [{ file: 'test/unit/protocol-check.test.ts' }],
  },
  {
    name: 'a frame has a largest size',
    file: 'sandbox/cell/channel.ts',
    find: '    if (length > this.#bytesMax) throw',
    replace: '    if (length < 0) throw',
    red: [{ file: 'test/security/wire-framing.test.ts' }],
  },
  {
    name: 'a frame has a number of parts',
    file: 'src/supervisor/cell-process.ts',
    find: 'new FrameReader(onFrame, FRAME_BYTES_MAX, PARTS_MAX)',
    replace: 'new FrameReader(onFrame, FRAME_BYTES_MAX)',
    red: [{ file: 'test/security/wire-bombs.test.ts' }],
  },
  {
    name: 'a cell that broke a rule is not heard any more',
    file: 'src/supervisor/cell-process.ts',
    find: '    return this.#killReason?.startsWith(BROKE_PROTOCOL) === true;',
    replace: '    return false;',
    red: [{ file: 'test/security/wire-workers.test.ts' }],
  },
  {
    name: 'the node counts log lines itself',
    file: 'src/supervisor/guest-calls.ts',
    find: "      throw new RuntimeError('CELL_PROTOCOL', 'a cell let too many log lines through');",
    replace: '      return;',
    red: [{ file: 'test/security/wire-workers.test.ts' }],
  },
  {
    name: 'a cell checks its orders',
    file: 'sandbox/cell/main.ts',
    find: 'const message = checkToCell(value);',
    replace: 'const message = value as ToCell;',
    red: [{ file: 'test/unit/order-check.test.ts' }, { file: 'test/integration/cell-signals.test.ts' }],
  },
  {
    name: 'a cell cannot fill memory through its board',
    file: 'src/supervisor/cell-process.ts',
    find: 'if (this.#board.overflows) this.kill(',
    replace: 'if (this.#board.overflows) void (',
    red: [{ file: 'test/security/wire-board.test.ts' }],
  },
  {
    name: 'what a guest writes is checked as if it had broken out',
    file: 'sandbox/isolate/ring-reader.ts',
    find: "    if (head < this.#read || head > this.#units.length) throw new Error('the ring of a guest is damaged');\n",
    replace: '',
    red: [{ file: 'test/unit/entries.test.ts' }],
  },
  {
    name: 'Python runs no code of JavaScript from strings',
    file: 'sandbox/guest/python-boot.guest.ts',
    find: '      closeCode(globals, [api?.tests]);\n',
    replace: '',
    red: [{ file: 'test/security/walk-python.test.ts' }],
  },
  {
    name: 'Python has no modules of JavaScript',
    file: 'sandbox/guest/worker_guest.py',
    find: '\n    _hide_javascript()\n',
    replace: '\n    pass\n',
    red: [{ file: 'test/security/walk-python.test.ts' }],
  },
  {
    name: 'a jail has no network',
    file: 'src/supervisor/jail-commands.ts',
    find: "['user', 'pid', 'net', 'ipc', 'uts', 'cgroup-try']",
    replace: "['user', 'pid', 'ipc', 'uts', 'cgroup-try']",
    red: [{ file: 'test/security/jail.test.ts' }, { file: 'test/integration/jail.test.ts' }],
  },
  {
    name: 'a jail has processes of its own',
    file: 'src/supervisor/jail-commands.ts',
    find: "['user', 'pid', 'net', 'ipc', 'uts', 'cgroup-try']",
    replace: "['user', 'net', 'ipc', 'uts', 'cgroup-try']",
    red: [{ file: 'test/security/jail.test.ts' }, { file: 'test/integration/jail.test.ts' }],
  },
  {
    name: 'a jail that is required is there',
    file: 'src/supervisor/jail.ts',
    find: "  if (mode === 'required')\n",
    replace: "  if (mode === 'off')\n",
    red: [{ file: 'test/integration/jail.test.ts' }],
  },
  {
    name: 'threads that spin go behind all others',
    file: 'src/supervisor/guest-threads.ts',
    find: 'setPriority(id, NICENESS);',
    replace: 'void NICENESS;',
    red: [{ file: 'test/integration/guest-threads.test.ts' }],
  },
];
