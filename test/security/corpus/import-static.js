// what: a static import of a built-in of Node
// expect: CODE_INVALID
// state: none
import { readFileSync } from 'node:fs';
export function tick(ctx) {
  ctx.state.set('found', [readFileSync('/etc/passwd', 'utf8')]);
}
