// what: a thousand requests at once, to addresses that are refused
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const all = Array.from({ length: 1000 }, (_, i) => ctx.http.get(`http://127.0.0.1:${1 + i}/`).then((answer) => answer.error ?? found.push(i), () => {}));
  await Promise.all(all);
  ctx.state.set('found', found);
}
