// what: a static import of a file of the host
// expect: CODE_INVALID
// state: none
import secret from '../../../../../../../../etc/passwd';
export function tick(ctx) {
  ctx.state.set('found', [secret]);
}
