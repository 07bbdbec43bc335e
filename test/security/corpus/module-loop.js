// what: a module body that never ends
// expect: invalid, load
// state: none
for (;;);
export function tick() {}
