// what: setters for the indexes of arrays, to change the report of the load
// expect: ok, error, invalid
// state: none
for (let i = 0; i < 4; i++)
  Object.defineProperty(Array.prototype, i, {
    configurable: true,
    get: () => 'evil',
    set() {
      Object.defineProperty(this, i, { value: 'evil', configurable: true, writable: true, enumerable: true });
    },
  });
export function setup() {}
export function tick() {
  for (let i = 0; i < 4; i++) delete Array.prototype[i];
}
