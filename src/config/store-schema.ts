/** The settings that say where state is kept. */
import { z } from 'zod';
import {
  POSTGRES_URL_HELP,
  POSTGRES_URL_PATTERN,
  PREFIX_HELP,
  PREFIX_PATTERN,
  RANGES,
  REDIS_URL_HELP,
  REDIS_URL_PATTERN,
  SCHEMA_HELP,
  SCHEMA_PATTERN,
} from '../core/ranges.ts';
import { count, duration } from './measures.ts';

export const GROUP_DEFAULT = 'default';

const pem = (what: string) => z.string().min(1).optional().describe(`PEM file with ${what}; relative to this file.`);

const tls = (of: string) =>
  z
    .strictObject({
      ca: pem('the certificates to trust'),
      cert: pem('the certificate of this node'),
      key: pem('the key of that certificate'),
      verify: z.boolean().prefault(true).describe('The certificate must be valid and name the host.'),
    })
    .optional()
    .describe(`TLS to ${of}. Default: as its url says.`);

export const postgres = z
  .strictObject({
    url: z
      .string()
      .regex(POSTGRES_URL_PATTERN, { error: POSTGRES_URL_HELP })
      .describe('postgres://user:password@host:5432/database. The password may come from the environment.'),
    schema: z
      .string()
      .regex(SCHEMA_PATTERN, { error: SCHEMA_HELP })
      .prefault('tick_runtime')
      .describe('Of the tables.'),
    poolSize: count(...RANGES.poolSize)
      .prefault(8)
      .describe('Connections at most.'),
    tls: tls('Postgres'),
    migrate: z
      .boolean()
      .prefault(true)
      .describe('Make and update the tables at start. With false, `runtime migrate` does it.'),
  })
  .optional()
  .describe('Keeps state in Postgres instead of the data folder.');

export const redis = z
  .strictObject({
    url: z
      .string()
      .regex(REDIS_URL_PATTERN, { error: REDIS_URL_HELP })
      .describe(
        'redis://user:password@host:6379/0, redis+sentinel://host:26379,host:26379/master or redis+cluster://host:6379,host:6379; rediss for TLS.',
      ),
    prefix: z
      .string()
      .regex(PREFIX_PATTERN, { error: PREFIX_HELP })
      .prefault('tick-runtime')
      .describe('Begins every key.'),
    tls: tls('Redis'),
    sentinel: z
      .strictObject({
        username: z.string().min(1).optional().describe('Where the sentinels have users of their own.'),
        password: z.string().min(1).describe('It may come from the environment.'),
      })
      .optional()
      .describe('How to log in to the sentinels. Default: without a password; that of the url is for Redis itself.'),
  })
  .optional()
  .describe('Keeps the state of running workers in Redis, in front of Postgres. Only together with postgres.');

export const state = z
  .strictObject({
    ack: z
      .enum(['redis', 'postgres'])
      .optional()
      .describe('What must have a commit before it counts as stored. Default redis where there is one, else postgres.'),
    checkpoint: duration(...RANGES.checkpointMs)
      .prefault('5s')
      .describe('How long Postgres may lack what Redis has while both answer.'),
    unsyncedMax: duration(...RANGES.unsyncedMs)
      .prefault('60s')
      .describe('How long Postgres may lack it while it does not answer. After that workers pause until it does.'),
  })
  .describe('How state travels from Redis to Postgres.');

export const placement = z
  .strictObject({
    group: z
      .string()
      .regex(PREFIX_PATTERN, { error: PREFIX_HELP })
      .prefault(GROUP_DEFAULT)
      .describe('Nodes of one group stand by for each other: one of them runs the workers.'),
    lease: duration(...RANGES.leaseMs)
      .prefault('15s')
      .describe('How long after its last word a node counts as dead.'),
  })
  .describe('Which nodes stand by for each other. Only with postgres.');
