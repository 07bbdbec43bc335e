import { describe, expect, it } from 'vitest';
import { harnessScript, parseFrontMatter, planTest262 } from './test262-plan.ts';

const test = (yaml: string, code = 'assert(true);'): string => `// © nobody\n/*---\n${yaml}\n---*/\n${code}\n`;

describe('front matter', () => {
  it('is read in both forms of a list, with what the test must end with', () => {
    const text = test(
      'description: a colon too\nflags: [async, generated]\nfeatures:\n  - let\nincludes: [a.js, b.js]\nnegative:\n  phase: parse\n  type: SyntaxError',
    );
    expect(parseFrontMatter(text)).toEqual({
      flags: ['async', 'generated'],
      features: ['let'],
      includes: ['a.js', 'b.js'],
      negative: { phase: 'parse', type: 'SyntaxError' },
    });
  });

  it('may be missing, or have lines that end with a carriage return alone', () => {
    expect(parseFrontMatter('1;')).toEqual({ flags: [], features: [], includes: [], negative: null });
    expect(parseFrontMatter('/*---\rflags: [raw]\r---*/\r1;').flags).toEqual(['raw']);
  });
});

describe('how a test is run', () => {
  const modes = (yaml: string, once = false): readonly boolean[] | string => {
    const plan = planTest262(test(yaml), once);
    return plan.kind === 'skip' ? plan.reason : plan.runs.map(({ strict }) => strict);
  };

  it('in both modes of the language, unless its flags or the caller say otherwise', () => {
    expect(modes('flags: [generated]')).toEqual([false, true]);
    expect(modes('flags: [generated]', true)).toEqual([false]);
    expect(modes('flags: [onlyStrict]', true)).toEqual([true]);
    expect(modes('flags: [noStrict]')).toEqual([false]);
    expect(modes('flags: [raw]')).toEqual([false]);
  });

  it('after the harness that everyone needs, that of asynchronous tests, and its own; a raw one after none', () => {
    const harness = (yaml: string): readonly string[] | undefined => {
      const plan = planTest262(test(yaml), true);
      return plan.kind === 'run' ? plan.runs[0]?.harness : undefined;
    };
    expect(harness('flags: [async]\nincludes: [own.js]')).toEqual([
      'assert.js',
      'sta.js',
      'doneprintHandle.js',
      'own.js',
    ]);
    expect(harness('flags: [raw]')).toEqual([]);
  });

  it.each([
    ['flags: [module]', 'a module (a worker is bundled into one script)'],
    ['flags: [CanBlockIsFalse]', 'no shared memory'],
    ['features: [let, SharedArrayBuffer]', 'no shared memory'],
    ['features: [resizable-arraybuffer]', 'no resizable buffers'],
    ['features: [dynamic-import]', 'no import at run time'],
    ['features: [ShadowRealm]', 'one realm'],
    ['flags: [unclosed', 'front matter that is no YAML'],
  ])('not at all with %s: %s', (yaml, reason) => {
    expect(modes(yaml)).toBe(reason);
  });

  it('not at all where it calls what only a host has', () => {
    const reason = (code: string) => planTest262(test('', code), false);
    expect(reason('$262.createRealm().global')).toEqual({ kind: 'skip', reason: 'one realm' });
    expect(reason('$262 . agent.start("")')).toEqual({ kind: 'skip', reason: 'no shared memory' });
    expect(reason('$262.gc()')).toEqual({ kind: 'skip', reason: 'a call of the host' });
    expect(reason('$262.detachArrayBuffer(buffer)').kind).toBe('run');
  });
});

it('constants of a harness become variables, and nothing else of it changes', () => {
  expect(harnessScript('const a = 1;\n  const b = 2;\nlet c;\nletter();\n')).toBe(
    'var a = 1;\n  const b = 2;\nvar c;\nletter();\n',
  );
});
