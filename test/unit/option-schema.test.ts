import { expect, test } from 'vitest';
import { z } from 'zod';
import { createHttpAdapter } from '../../adapters/http/adapter.ts';
import { plainIssue, problemOf } from '../../src/core/option-schema.ts';

const schema = z.strictObject({
  url: z.string().min(1).max(5),
  count: z.int().min(2).optional(),
  on: z.boolean().optional(),
  list: z.array(z.number()).min(2).optional(),
  how: z.enum(['a', 'b']).optional(),
  own: z.string({ error: 'says it itself' }).optional(),
});

test.each([
  [{}, 'x at url: is missing; it is a text'],
  [{ url: '' }, 'x at url: must not be empty'],
  [{ url: 'longer' }, 'x at url: must have at most 5 characters'],
  [{ url: 'a', count: 1 }, 'x at count: must be at least 2'],
  [{ url: 'a', on: 'yes' }, 'x at on: must be true or false, not "yes"'],
  [{ url: 'a', list: [1] }, 'x at list: must have at least 2 elements'],
  [{ url: 'a', how: 'c' }, 'x at how: must be a or b, not "c"'],
  [{ url: 'a', own: 1 }, 'x at own: says it itself'],
  [{ url: 'a', cuont: 1 }, 'x: unknown option cuont; did you mean count?'],
  [{ url: 'a', zzzzz: 1 }, 'x: unknown option zzzzz; known are url, count, on, list, how, own'],
  [5, 'x: must be an object, not 5'],
])('%j is refused in plain words', (value, said) => {
  expect(problemOf(schema, value, 'x')).toBe(said);
});

test('so are the arguments of ctx.http', () => {
  const { get } = createHttpAdapter().capabilities;
  const told = (input: unknown) => get?.input.safeParse(input, { error: plainIssue }).error?.issues[0]?.message;
  expect(told({ url: 'https://example.org', foo: 1 })).toMatch(/^unknown option foo/);
  expect(told({})).toBe('is missing; it is a text');
});
