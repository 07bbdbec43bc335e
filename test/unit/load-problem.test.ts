import { expect, test } from 'vitest';
import { loadProblem } from '../../src/supervisor/load-problem.ts';
import { loadReason } from '../../src/supervisor/tick-report.ts';

const TRACEBACK =
  'Traceback (most recent call last):\n  File "bot.py", line 2, in <module>\n    import helper\n  File "helper.py", line 7, in <module>\n    1 / 0\nZeroDivisionError: division by zero';
const ZERO = { name: 'ZeroDivisionError', message: 'division by zero', stack: TRACEBACK };

test.each([
  [ZERO, 'helper.py:7:1: ZeroDivisionError: division by zero'],
  [
    {
      name: 'SyntaxError',
      message: "expected ':' (bot.py, line 4)",
      stack: '  File "bot.py", line 4, column 14\n    def tick(ctx)\n                 ^\nSyntaxError: expected \':\'',
    },
    "bot.py:4:14: SyntaxError: expected ':'",
  ],
  [
    {
      name: 'TypeError',
      message: 'no',
      stack: 'TypeError: no\n    at new Map (<anonymous>)\n    at f (lib/a.ts:2:3)\n    at b.ts:9:1',
    },
    'lib/a.ts:2:3: TypeError: no',
  ],
  [{ name: 'TickTimeoutError', message: 'too long\nmore', stack: '' }, 'bot.py:1:1: TickTimeoutError: too long'],
])('a failed load is told with its place: %o', (error, message) => {
  expect(loadProblem(error, 'bot.py').message).toBe(message);
});

test('the reason begins with the exception and keeps the traceback', () => {
  expect(loadReason(ZERO, TRACEBACK)).toBe(`ZeroDivisionError: division by zero (helper.py, line 7)\n${TRACEBACK}`);
  expect(loadReason(ZERO, 'as it is')).toBe('as it is');
});
