// what: rejections that nobody handles, with nothing or with no object as their reason
// expect: error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const reason of [undefined, null, 'text', Symbol('reason'), 1n, () => 1]) Promise.reject(reason);
  await Promise.resolve();
}
