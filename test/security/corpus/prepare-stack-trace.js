// what: Error.prepareStackTrace, which V8 calls outside of every time limit
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  Error.prepareStackTrace = () => {
    for (;;);
  };
  try {
    Object.defineProperty(Error, 'prepareStackTrace', { value: Error.prepareStackTrace });
  } catch {}
  Promise.reject(new Error('x'));
}
