// what: base64 and hex in native code, as large as it goes
// expect: memory, error, timeout, crash
// timeoutMs: 4000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) {
    const bytes = Uint8Array.fromBase64('QUJD'.repeat(1e7));
    kept.push(bytes, bytes.toHex(), bytes.toBase64(), Uint8Array.fromHex('ff'.repeat(1e7)));
  }
}
