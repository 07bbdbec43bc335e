/** What a worker must remember about its own life. It is committed together with its state, as one JSON text. */
import { z } from 'zod';
import { RuntimeError } from '../core/errors.ts';
import { intentSchema } from './intents.ts';

const headSchema = z.object({
  v: z.literal(1),
  /** What people want of it. */
  desired: z.enum(['running', 'stopped']),
  /** How it stands when nothing is in flight. */
  actual: z.enum(['running', 'stopped', 'failed', 'invalid']),
  reason: z.string().nullable(),
  /** One per start (see the glossary); `setupDone` is the start whose setup has succeeded. */
  startId: z.string(),
  setupDone: z.string().nullable(),
  startedBy: z.string(),
  version: z.string().nullable(),
  /** Unix ms of one slot of its grid. */
  anchor: z.number(),
  tick: z.number().int().nonnegative(),
  errors: z.number().int().nonnegative(),
  skipped: z.number().int().nonnegative(),
  lastOutcome: z.string().nullable(),
  lastTickAt: z.number().nullable(),
  /** A tick with the next number may have begun without being committed: an owner that claims such a head skips one. */
  inFlight: z.boolean(),
  /** Durable calls whose outcome is not known, or not yet seen by the worker (intents.ts). Older heads have none. */
  intents: z.array(intentSchema).readonly().default([]),
});

export type WorkerHead = z.infer<typeof headSchema>;

export const NEW_HEAD: WorkerHead = {
  v: 1,
  desired: 'stopped',
  actual: 'stopped',
  reason: null,
  startId: '',
  setupDone: null,
  startedBy: '',
  version: null,
  anchor: 0,
  tick: 0,
  errors: 0,
  skipped: 0,
  lastOutcome: null,
  lastTickAt: null,
  inFlight: false,
  intents: [],
};

/** @throws RuntimeError STATE_CORRUPT */
export function parseHead(worker: string, json: string | null): WorkerHead {
  if (json === null) return NEW_HEAD;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  const parsed = headSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RuntimeError(
    'STATE_CORRUPT',
    `The saved life of worker ${worker} cannot be read; restore the data folder from a backup.`,
  );
}
