/**
 * The arguments of `ctx.http`. Every optional one may also be null, which is what Python's defaults send. Times come as
 * `timeout` in seconds (Python's habit) or `timeoutMs` (JavaScript's).
 */
import { z } from 'zod';

const SECONDS_MAX = 3_600;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const fields = z.record(z.string(), z.union([scalar, z.array(scalar).max(1_000)]));

const url = z.string().min(1).max(8_192).describe('Absolute http or https URL.');
const common = {
  params: fields.nullish().describe('Added to the query string; null is left out, a list repeats its name.'),
  headers: z.record(z.string(), z.union([z.string(), z.number()])).nullish(),
  timeout: z.number().positive().max(SECONDS_MAX, 'timeout is in seconds; use timeoutMs for milliseconds').nullish(),
  timeoutMs: z
    .number()
    .int()
    .positive()
    .max(SECONDS_MAX * 1_000)
    .nullish(),
};
/** How bytes come through JSON; the guest turns Python's `bytes` into it. */
const bytes = z.strictObject({ base64: z.base64() });

const body = {
  json: z.unknown().optional().describe('Sent as JSON.'),
  data: z
    .union([z.string(), bytes, fields])
    .nullish()
    .describe('An object is sent as a form, text and bytes as they are.'),
  form: fields.nullish().describe('Sent as application/x-www-form-urlencoded.'),
  rawBody: z.union([z.string(), bytes]).nullish().describe('Exactly these bytes: a text as UTF-8, or {base64}.'),
};
const method = z
  .string()
  .transform((text) => text.toUpperCase())
  .pipe(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']));

export const getInput = z.strictObject({ url, ...common });
export const postInput = z.strictObject({ url, ...common, ...body });
export const fetchInput = z.strictObject({ url, method: method.nullish(), ...common, ...body });

/** What the three have in common once parsed: `get` and `post` are `fetch` with a fixed method. */
export type FetchInput = z.output<typeof fetchInput>;
export type Bytes = z.output<typeof bytes>;
export type Fields = z.output<typeof fields>;
