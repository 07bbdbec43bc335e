// what: toJSON on the prototypes while the module loads
// expect: ok, error, invalid
// state: none
let turn = 0;
const evil = [
  ['e', 'ok', { functions: ['evil'], setupBindsGlobals: 1, durationMs: 'x' }],
  ['l', 'evil', {}, 7, 'x'],
  ['q', 1, 'probe.echo', '{}'],
  ['u', 7],
  ['u', [[1, 2]]],
  ['t', {}, {}],
  ['n', -1],
  null,
  'x'.repeat(100000),
];
for (const holder of [Object.prototype, Array.prototype]) Object.defineProperty(holder, 'toJSON', { value: () => evil[turn++ % evil.length], configurable: true });
export function tick() {}
