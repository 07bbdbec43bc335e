// what: async iterators whose return and throw never settle
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const endless = {
    [Symbol.asyncIterator]() {
      return { next: async () => ({ value: 1, done: false }), return: () => new Promise(() => {}), throw: () => new Promise(() => {}) };
    },
  };
  for await (const one of endless) if (one === 1) break;
}
