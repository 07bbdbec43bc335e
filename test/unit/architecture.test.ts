import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LINES_MAX = 400;

interface Import {
  /** Path from the root of the repository. */
  readonly from: string;
  /** The same for files of the project; a package name otherwise. */
  readonly to: string;
  /** Nothing of it is there at run time. */
  readonly typeOnly: boolean;
}

/** `who` may import what `may` matches, and `mayTypes` as types. The first rule whose `who` matches a file counts. */
interface Rule {
  readonly who: RegExp;
  readonly may: readonly RegExp[];
  readonly mayTypes?: readonly RegExp[];
}

const CORE = /^src\/core\//;
const PROTOCOL = /^sandbox\/protocol\.ts$/;
/** The public shape of the engine: types that travel through every layer. */
const SHAPES = [
  /^src\/runtime(-state)?\.ts$/,
  /^src\/store\/(contracts|placement)\.ts$/,
  /^src\/workers\/definition\.ts$/,
  PROTOCOL,
];

/** style.md, "Imports", as data. Every exception stands here with its reason. */
const RULES: readonly Rule[] = [
  { who: /^src\/core\//, may: [CORE] },
  {
    who: /^src\/index\.ts$/,
    // migrate-postgres.ts makes the tables before there is an engine that could.
    may: [/^src\/workers\/compile\.ts$/, /^src\/engine\.ts$/, /^src\/store\/migrate-postgres\.ts$/, CORE],
    mayTypes: [...SHAPES, /^adapters\/adapter\.ts$/, /^src\/supervisor\/life\.ts$/],
  },
  {
    who: /^src\/runtime(-state)?\.ts$/,
    may: [],
    mayTypes: [...SHAPES, CORE, /^adapters\/adapter\.ts$/, /^src\/supervisor\/life\.ts$/],
  },
  {
    who: /^src\/runtime-options\.ts$/,
    may: [CORE],
    mayTypes: [...SHAPES, /^adapters\/adapter\.ts$/],
  },
  // The only wiring sees everything in src/ and the table of adapters; it spawns cells and imports nothing of theirs.
  { who: /^src\/engine\.ts$/, may: [/^src\/(?!cli\/|index\.ts)/, /^adapters\/index\.ts$/], mayTypes: [PROTOCOL] },
  { who: /^src\/config\//, may: [/^src\/config\//, CORE], mayTypes: SHAPES },
  { who: /^src\/store\//, may: [/^src\/store\//, CORE], mayTypes: SHAPES },
  // Guest code is bundled by path, never imported; protocol.ts names the files of the Python prelude.
  { who: /^src\/workers\//, may: [/^src\/workers\//, CORE, PROTOCOL], mayTypes: SHAPES },
  {
    who: /^src\/bridge\//,
    may: [/^src\/bridge\//, CORE, /^adapters\/index\.ts$/],
    mayTypes: [...SHAPES, /^adapters\/adapter\.ts$/],
  },
  {
    who: /^src\/supervisor\//,
    may: [
      /^src\/supervisor\//,
      CORE,
      // Both ends of the wire: the messages, their check, the frames and how they are gathered are the same code in node and cell.
      PROTOCOL,
      /^sandbox\/protocol-check\.ts$/,
      /^sandbox\/cell\/(channel|outbox)\.ts$/,
      // The registry compiles and resolves what is deployed; the first message to a cell holds the bundled guest.
      /^src\/workers\/(compile|resolve|guest-code)\.ts$/,
    ],
    mayTypes: [...SHAPES, /^src\/bridge\/dispatcher\.ts$/],
  },
  // A person's client of the public API, of the configuration, and of core; the public shape as types.
  { who: /^src\/cli\//, may: [/^src\/cli\//, /^src\/index\.ts$/, /^src\/config\//, CORE], mayTypes: SHAPES },
  // The guest sees the protocol's types and its constants.
  { who: /^sandbox\/guest\//, may: [/^sandbox\/guest\//, PROTOCOL] },
  // The cell draws the seed that a guest's own generator starts from: both know its length.
  {
    who: /^sandbox\//,
    may: [/^sandbox\/(?!guest\/)/, /^sandbox\/guest\/entropy\.guest\.ts$/, CORE],
    mayTypes: [/^sandbox\/guest\//],
  },
  { who: /^adapters\/index\.ts$/, may: [/^adapters\//, CORE], mayTypes: SHAPES },
  { who: /^adapters\/adapter\.ts$/, may: [CORE] },
  // Of the engine's shape an adapter knows the settings that are its own.
  { who: /^adapters\/(\w+)\//, may: [CORE, /^adapters\/adapter\.ts$/], mayTypes: [/^src\/runtime\.ts$/] },
];

/** Package → the only files that may import it. */
const PACKAGES: readonly (readonly [name: RegExp, only: RegExp])[] = [
  [/^isolated-vm$/, /^sandbox\/isolate\//],
  [/^pyodide(\/|$)/, /^sandbox\/pyodide\//],
  [/^ioredis$/, /^src\/store\/redis\//],
  [/^pg$/, /^src\/store\/postgres\//],
  [/^node:sqlite$/, /^src\/store\/embedded\//],
  [/^esbuild$/, /^src\/workers\//],
  [/^commander$/, /^src\/cli\//],
  [
    /^(node:http|node:https|node:net|node:tls|node:dns|node:dgram|undici)(\/|$)/,
    /^(adapters\/http\/|src\/cli\/|sandbox\/cell\/main\.ts)/,
  ],
  [/^node:child_process$/, /^src\/(supervisor\/cell-process|cli\/.*|core\/.*)\.ts$/],
  [/^node:vm$/, /^$/],
];

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesUnder(path);
    return /\.ts$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

const FILES = ['src', 'sandbox', 'adapters'].flatMap(filesUnder);

/** Every static, dynamic and re-exporting import of a file. */
function importsOf(file: string, text: string): Import[] {
  // Comments and template texts hold no imports; user code in templates is the only other place for the word.
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  const add = (to: string, typeOnly: boolean): void => {
    found.push({ from: file, to: to.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), to)) : to, typeOnly });
  };
  for (const [, keyword = '', names = '', to = ''] of code.matchAll(
    /^(import|export)\s+(?:([^'";]*?)\s+from\s+)?'([^']+)'/gm,
  )) {
    if (keyword === 'export' && names === '') continue;
    const list = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1];
    const everyOneAType =
      list?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ?? false;
    add(to, names.startsWith('type ') || everyOneAType);
  }
  for (const [, to = ''] of code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) add(to, false);
  for (const [, to = ''] of code.matchAll(/\b(?:require|require\.resolve)\(\s*'([^']+)'\s*\)/g)) add(to, false);
  return found;
}

const IMPORTS = FILES.flatMap((file) => importsOf(file, readFileSync(join(ROOT, file), 'utf8')));

const isOurs = (path: string): boolean => /^(src|sandbox|adapters|test|bench|dashboard|examples)\//.test(path);

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const rule = RULES.find(({ who }) => who.test(from));
  if (rule === undefined) return false;
  // An adapter sees its own folder and no other adapter's.
  const own = /^adapters\/\w+\//.exec(from)?.[0];
  if (own !== undefined && to.startsWith(own)) return true;
  return [...rule.may, ...(typeOnly ? (rule.mayTypes ?? []) : [])].some((pattern) => pattern.test(to));
}

const shown = ({ from, to, typeOnly }: Import): string => `${from} → ${to}${typeOnly ? ' (types)' : ''}`;

describe('the imports of the project', () => {
  test('follow the table: every import of every file', () => {
    expect(IMPORTS.length).toBeGreaterThan(300);
    expect(
      IMPORTS.filter(({ to }) => isOurs(to))
        .filter((one) => !isAllowed(one))
        .map(shown),
    ).toEqual([]);
  });

  test('every file is under a rule, and every rule has a file', () => {
    expect(FILES.filter((file) => !RULES.some(({ who }) => who.test(file)))).toEqual([]);
    expect(RULES.filter(({ who }) => !FILES.some((file) => who.test(file))).map(({ who }) => String(who))).toEqual([]);
  });

  test('a package that has one place is imported nowhere else', () => {
    for (const [name, only] of PACKAGES) {
      const elsewhere = IMPORTS.filter(({ from, to, typeOnly }) => name.test(to) && !only.test(from) && !typeOnly);
      expect(elsewhere.map(shown), String(name)).toEqual([]);
    }
  });

  test('the node imports nothing that only a cell may load, through however many files', () => {
    const forbidden = /^sandbox\/(cell\/(?!(channel|outbox)\.ts)|isolate\/|pyodide\/|guest\/)/;
    const reached = new Set(['src/index.ts', 'src/cli/main.ts']);
    for (const at of reached)
      for (const { from, to, typeOnly } of IMPORTS) if (from === at && !typeOnly && isOurs(to)) reached.add(to);
    expect(reached.size).toBeGreaterThan(60);
    expect([...reached].filter((file) => forbidden.test(file))).toEqual([]);
  });

  test('a cell loads nothing of the node, through however many files', () => {
    const reached = new Set(['sandbox/cell/main.ts']);
    for (const at of reached)
      for (const { from, to, typeOnly } of IMPORTS) if (from === at && !typeOnly && isOurs(to)) reached.add(to);
    expect(reached.size).toBeGreaterThan(10);
    expect([...reached].filter((file) => !/^(sandbox|src\/core)\//.test(file))).toEqual([]);
  });

  test('only index.ts imports engine.ts', () => {
    expect([...new Set(IMPORTS.filter(({ to }) => to === 'src/engine.ts').map(({ from }) => from))]).toEqual([
      'src/index.ts',
    ]);
  });

  test('name files that are there, with their ending', () => {
    const known = new Set(FILES);
    const missing = IMPORTS.filter(({ to }) => isOurs(to) && /^(src|sandbox|adapters)\//.test(to) && !known.has(to));
    expect(missing.map(shown)).toEqual([]);
  });
});

describe('the reader of imports', () => {
  test('sees every form, and tells types from values', () => {
    const text = [
      "import a from './a.ts';",
      "import { b, type C } from '../core/b.ts';",
      "import type { D } from './d.ts';",
      "import { type E, type F } from './e.ts';",
      "import './f.ts';",
      "export { g } from './g.ts';",
      "export type { H } from './h.ts';",
      'import {\n  i,\n} from "./not-our-quotes.ts";',
      "const j = await import('./j.ts');",
      "// import './comment.ts';",
    ].join('\n');
    expect(importsOf('src/x/y.ts', text).map(({ to, typeOnly }) => [to, typeOnly])).toEqual([
      ['src/x/a.ts', false],
      ['src/core/b.ts', false],
      ['src/x/d.ts', true],
      ['src/x/e.ts', true],
      ['src/x/f.ts', false],
      ['src/x/g.ts', false],
      ['src/x/h.ts', true],
      ['src/x/j.ts', false],
    ]);
  });

  test('the table refuses what it should', () => {
    const refused: readonly (readonly [string, string, boolean])[] = [
      ['src/core/errors.ts', 'src/config/load.ts', true],
      ['src/supervisor/cell-pool.ts', 'sandbox/cell/cell.ts', false],
      ['src/supervisor/cell-pool.ts', 'src/engine.ts', true],
      ['src/cli/main.ts', 'src/engine.ts', false],
      ['src/cli/main.ts', 'src/supervisor/life.ts', false],
      ['sandbox/cell/cell.ts', 'src/supervisor/session.ts', true],
      ['adapters/http/client.ts', 'adapters/echo/adapter.ts', false],
      ['adapters/http/client.ts', 'src/bridge/dispatcher.ts', false],
    ];
    for (const [from, to, typeOnly] of refused)
      expect(isAllowed({ from, to, typeOnly }), `${from} → ${to}`).toBe(false);
  });
});

describe('the files of the project', () => {
  test(`have at most ${LINES_MAX} lines`, () => {
    const long = FILES.map(
      (file) => [file, readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length] as const,
    );
    expect(long.filter(([, lines]) => lines > LINES_MAX)).toEqual([]);
  });

  test('export nothing by default and hold no enum', () => {
    const wrong = FILES.filter((file) =>
      /^\s*(export default|(export )?(const )?enum )/m.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(wrong).toEqual([]);
  });
});
