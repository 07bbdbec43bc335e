// what: a module body that takes all memory
// expect: invalid, load, memory, crash
// state: none
const kept = [];
for (;;) kept.push(new Array(1000).fill(kept.length));
export function tick() {
  return kept;
}
