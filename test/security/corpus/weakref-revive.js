// what: what the prelude made for an earlier tick, kept weakly and used in a later one
// expect: ok, error
// ticks: 3
let kept = null;
let weak = null;
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  if (kept !== null) {
    for (const old of [kept, weak.deref() ?? kept]) {
      old.state.set('old', old.worker.tick);
      old.log.info('through an old ctx');
      await old.probe.echo(1);
    }
  }
  kept = ctx;
  weak = new WeakRef(ctx);
}
