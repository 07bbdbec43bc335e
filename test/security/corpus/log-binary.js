// what: log lines that hold control characters, half surrogates and NUL
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.log.info('\u001b[2J\r\n\0\ud800 \udfff \u202e', { '\ud800': '\0' });
}
