/**
 * The functions that ctx_guest.py calls. Every argument and result is text, a number, nothing, or a promise of text; errors
 * cross as data: "!" and JSON, for which Python raises its own class.
 *
 * SECURITY: a worker can reach these functions and call them with anything. What they pass on to the core is of the right type
 * and, where it says JSON, is JSON: a message that the node does not understand would end the cell, and its neighbours with it
 * (test/integration/python-runs.test.ts).
 */
import type { LogLevel } from '../protocol.ts';
import type { CodedError, GuestCore } from './contract.guest.ts';
import { fault } from './faults.guest.ts';
import { depthOf } from './json.guest.ts';
import { timeZoneJson, timeZoneNames } from './time-zones.guest.ts';

const { parse, stringify } = JSON;
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function failure(error: unknown): string {
  const { name, message, code } = error as CodedError;
  return `!${stringify({ name, message, code })}`;
}

function answering(body: () => string | undefined): string | undefined {
  try {
    return body();
  } catch (error) {
    return failure(error);
  }
}

function settled(start: () => Promise<unknown>): Promise<string> {
  try {
    return start().then((json) => (typeof json === 'string' ? json : 'null'), failure);
  } catch (error) {
    return Promise.resolve(failure(error));
  }
}

export function createBridge(core: GuestCore): object {
  const { state } = core;
  const { stateDepth } = core.spec.limits;

  function checked(json: unknown, depthMax: number): string {
    const text = `${json}`;
    if (text.length > depthMax * 2 && depthOf(text) > depthMax)
      throw fault('STATE_LIMIT', `A value is nested deeper than ${depthMax} levels.`);
    try {
      parse(text);
    } catch {
      throw fault('STATE_INVALID', 'A value is not JSON.');
    }
    return text;
  }

  const bridge = {
    get: (key: unknown) => answering(() => state.get(`${key}`) ?? ''),
    set: (key: unknown, json: unknown) => {
      try {
        return state.set(`${key}`, checked(json, stateDepth));
      } catch (error) {
        return failure(error);
      }
    },
    update: (json: unknown) =>
      answering(() => {
        const pairs = parse(`${json}`) as [unknown, unknown][];
        state.update(pairs.map(([key, value]) => [`${key}`, checked(value, stateDepth)]));
        return undefined;
      }),
    delete: (key: unknown) => answering(() => (state.delete(`${key}`) ? 'true' : 'false')),
    keys: () => stringify(state.keys()),
    all: () => {
      let text = '';
      for (const key of state.keys()) text += `${text === '' ? '' : ','}${stringify(key)}:${state.get(key) ?? 'null'}`;
      return `{${text}}`;
    },
    flush: () => settled(() => state.flush()),
    log: (level: unknown, text: unknown, fields: unknown) => {
      const kept = fields === '' ? null : answering(() => checked(fields, 64));
      core.log(LEVELS.find((name) => name === level) ?? 'info', `${text}`, kept?.[0] === '{' ? kept : null);
    },
    call: (capability: unknown, argsJson: unknown) => settled(() => core.call(`${capability}`, checked(argsJson, 64))),
    sleep: (ms: unknown) => settled(() => core.sleep(Number(ms))),
    worker: () => stringify(core.worker()),
    unresolved: (adapter: unknown) => core.unresolved(`${adapter}`),
    zone: (name: unknown) => timeZoneJson(`${name}`),
    zones: () => timeZoneNames(),
  };
  // What a function inherits leads to everything else that JavaScript has; it can be called without.
  for (const call of Object.values(bridge)) Object.freeze(Object.setPrototypeOf(call, null));
  return bridge;
}
