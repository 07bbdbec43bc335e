/** An adapter for tests: answers with its input, fails in chosen ways, or never answers. */
import { z } from 'zod';
import type { Adapter, CallContext } from '../../adapters/adapter.ts';
import { RuntimeError } from '../../src/core/errors.ts';

const input = z.strictObject({ value: z.unknown() });
const parameters = ['value'] as const;

export function createProbeAdapter(): Adapter {
  return {
    name: 'probe',
    capabilities: {
      echo: { effect: false, parameters, input, call: async ({ value }: z.output<typeof input>) => value },
      store: { effect: true, parameters, input, call: async ({ value }: z.output<typeof input>) => value },
      refuse: {
        effect: false,
        parameters,
        input,
        async call() {
          throw new RuntimeError('EGRESS_DENIED', 'The probe refuses.');
        },
      },
      break: {
        effect: false,
        parameters,
        input,
        async call() {
          throw new TypeError(`a mistake of the host in ${import.meta.filename}`);
        },
      },
      never: {
        effect: false,
        parameters,
        input,
        call: (_value: unknown, { signal }: CallContext) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new RuntimeError('STOPPED', 'The tick is over.')));
          }),
      },
    },
  };
}
