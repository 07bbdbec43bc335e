// what: functions with as many parameters, and calls with as many arguments, as it goes
// expect: ok, error, memory, crash, timeout
// timeoutMs: 3000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const names = Array.from({ length: 70_000 }, (_, i) => `a${i}`);
  for (const use of [() => new Function(...names, 'return arguments.length')(1), () => Math.max(...new Array(1e7)), () => Reflect.apply(Math.max, null, { length: 1e8 }), () => String.fromCharCode.apply(null, new Uint16Array(1e6)), () => new Function(`return ${'['.repeat(2e5)}`)()])
    try {
      use();
    } catch {}
}
