/** The setting for what the system holds cells with, on top of what they hold themselves. */
import { z } from 'zod';

export const sandbox = z
  .strictObject({
    jail: z
      .enum(['auto', 'off', 'required'])
      .prefault('auto')
      .describe(
        'A wall of the system around every cell: auto uses the strongest that works, required does not start without one.',
      ),
  })
  .describe('What the system holds cells with.');
