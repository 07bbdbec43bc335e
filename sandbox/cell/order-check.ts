/**
 * The cell's check of what the node says. The node is trusted; this is for mistakes, which must not become something else inside: an
 * order that is not exactly what protocol.ts declares ends the cell (test/unit/order-check.test.ts).
 */
import type { ToCell } from '../protocol.ts';
import { isError } from '../protocol-check.ts';

type Bag = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isBag: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isAny: Check = () => true;
const isOneOf =
  (...names: readonly unknown[]): Check =>
  (value) =>
    names.includes(value);
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isList =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isPairOf =
  (...checks: readonly Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, i) => check(value[i]));
const isTextBag: Check = (value) => isBag(value) && Object.values(value as Bag).every(isText);

const ADDRESS = { kind: isText, sandbox: isCount, incarnation: isCount };

const INFO: Readonly<Record<string, Check>> = {
  tick: isCount,
  intervalMs: (value) => value === null || isTime(value),
  dueAt: isTime,
  lastTickAt: (value) => value === null || isTime(value),
  startedBy: isText,
};

const SPEC: Readonly<Record<string, Check>> = {
  worker: isText,
  name: isText,
  version: isText,
  language: isOneOf('javascript', 'python'),
  code: orAbsent(isText),
  files: orAbsent(isTextBag),
  entry: isText,
  params: isAny,
  connected: isBag,
  capabilities: isList(isBag),
  unconnected: isTextBag,
  state: isList(isPairOf(isText, isText)),
  limits: (value) => isBag(value) && Object.values(value as Bag).every(isTime),
};

const ORDERS: Readonly<Record<ToCell['kind'], Readonly<Record<string, Check>>>> = {
  init: {
    kind: isText,
    protocol: isCount,
    backend: isOneOf('isolate', 'pyodide'),
    prelude: isText,
    pythonScript: orAbsent(isText),
    snapshotFile: orAbsent(isText),
    makeSnapshot: orAbsent(isFlag),
    slots: isCount,
  },
  slots: { kind: isText, count: isCount },
  load: { ...ADDRESS, spec: (value) => fits(SPEC, value) },
  run: {
    ...ADDRESS,
    run: isCount,
    fn: isOneOf('setup', 'tick', 'resume', 'on_error'),
    timeoutMs: isTime,
    graceMs: isTime,
    cpuLimitMs: orAbsent(isTime),
    info: (value) => fits(INFO, value),
    world: orAbsent((value) => fits({ nowMs: orAbsent(isTime), seed: orAbsent(isTime) }, value)),
    unresolved: orAbsent(isTextBag),
    error: orAbsent(isError),
  },
  hold: { ...ADDRESS, run: isCount },
  reply: { ...ADDRESS, call: isCount, json: isText, heldMs: orAbsent(isTime) },
  refuse: { ...ADDRESS, call: isCount, code: isText, message: isText, heldMs: orAbsent(isTime) },
  dump: { ...ADDRESS, dump: isCount },
  patch: {
    ...ADDRESS,
    patch: isCount,
    replace: isFlag,
    changes: isList(isPairOf(isText, (value) => value === null || isText(value))),
  },
  cancel: { ...ADDRESS, run: isCount },
  unload: ADDRESS,
};

/** Every key of it is declared, and every declared one is right. */
function fits(shape: Readonly<Record<string, Check>>, value: unknown): boolean {
  if (!isBag(value)) return false;
  const bag = value as Bag;
  for (const key of Object.keys(bag)) if (!Object.hasOwn(shape, key)) return false;
  for (const key in shape) if (shape[key]?.(Object.hasOwn(bag, key) ? bag[key] : undefined) !== true) return false;
  return true;
}

/** The order, or null when it is not one. */
export function checkToCell(value: unknown): ToCell | null {
  const kind = isBag(value) ? (value as Bag)['kind'] : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(ORDERS, kind)) return null;
  return fits(ORDERS[kind as ToCell['kind']], value) ? (value as ToCell) : null;
}
