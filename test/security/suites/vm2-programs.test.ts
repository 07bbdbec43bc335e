import { describe, expect, it } from 'vitest';
import { extractPrograms, SENTINEL } from './vm2-programs.ts';

const programs = (text: string): readonly string[] => extractPrograms(text).programs;

describe('programs of a test file', () => {
  it('are what is handed to a sandbox, once each, straight or by the name of a constant', () => {
    expect(
      programs(`vm.run('a()'); vm.run('a()'); new VMScript("b()"); const code = \`c()\`; box.vm.run(code);`),
    ).toEqual(['a()', 'b()', 'c()']);
  });

  it('are found through helpers of the file, and helpers of those', () => {
    const text = `
      function attack(title, code) { return new VM().run('(' + code + ')'); }
      const twice = (code) => { attack('first', code); attack('second', code); };
      twice('steal()');
    `;
    expect(programs(text)).toContain('steal()');
    expect(programs(text)).not.toContain('first');
  });

  it('are put together from lines, sums, functions and lists', () => {
    expect(programs(`vm.run(['one();', 'two();'].join('\\n'))`)).toEqual(['one();\ntwo();']);
    expect(programs(`vm.run('one();' + "two()")`)).toEqual(['one();two()']);
    expect(programs(`function inner() { x(); }\nvm.run(\`(\${inner})()\`)`)).toEqual(['(function inner() { x(); })()']);
    expect(programs(`for (const name of ["a", "b"]) vm.run(\`\${name}.call()\`)`)).toEqual(['a.call()', 'b.call()']);
    expect(
      programs('for (const [title, code] of [["t", "x(1)"], ["u", "x(2)"]]) it(title, () => vm.run(code))'),
    ).toEqual(['x(1)', 'x(2)']);
    expect(programs('const cases = [{ code: "y(1)" }]; cases.forEach((one) => vm.run(one.code))')).toEqual(['y(1)']);
  });

  it('name a file that must never be there where only the test knows which', () => {
    expect(programs(`vm.run(\`write(\${JSON.stringify(path.join(tmp, "x"))}, \${other})\`)`)).toEqual([
      `write(${JSON.stringify(SENTINEL)}, undefined)`,
    ]);
  });

  it('are other texts too that look like programs, but no titles', () => {
    expect(
      programs(`const PAYLOAD = 'evil(process);'; it('calls(something);', () => use(PAYLOAD)); log('no program')`),
    ).toEqual(['evil(process);']);
  });

  it('are none in what cannot be parsed', () => {
    expect(extractPrograms('vm.run(')).toEqual({ programs: [], stubs: [] });
  });
});

it('names that tests hand to their sandboxes are told', () => {
  const text = `
    const sandbox = { own: 1, 'other': 2 };
    new VM({ sandbox: { given() {} } });
    vm.freeze(thing, 'frozen'); vm.setGlobal('set', 1);
  `;
  expect(extractPrograms(text).stubs.toSorted()).toEqual(['frozen', 'given', 'other', 'own', 'set']);
});
