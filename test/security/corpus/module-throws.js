// what: a module body that throws a Proxy
// expect: invalid, load
// state: none
throw new Proxy({}, { get() { throw new Error('trap'); } });
export function tick() {}
