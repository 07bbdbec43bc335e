// what: a module body that kills its cell
// expect: invalid, load, memory, crash
// state: none
export const kept = Array.from({ length: 2 ** 32 - 1 });
export function tick() {
  return kept;
}
