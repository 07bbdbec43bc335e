// what: every other way to a resizable, shared or growing buffer
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const options = { maxByteLength: 2 ** 30 };
  const ways = {
    subclass: () => new (class extends ArrayBuffer {})(8, options),
    reflect: () => Reflect.construct(ArrayBuffer, [8, options], Object),
    constructorOfBuffer: () => new new Uint8Array(1).buffer.constructor(8, options),
    prototypeConstructor: () => new (Object.getPrototypeOf(new ArrayBuffer(1)).constructor)(8, options),
    bound: () => new (ArrayBuffer.bind())(8, options),
    species: () => new ArrayBuffer[Symbol.species](8, options),
    speciesGetter: () => new (Object.getOwnPropertyDescriptor(ArrayBuffer, Symbol.species).get.call(ArrayBuffer))(8, options),
    getter: () => {
      let asked = 0;
      return new ArrayBuffer(8, { get maxByteLength() { return asked++ === 0 ? undefined : 2 ** 30; } });
    },
    transfer: () => new ArrayBuffer(8).transfer(16),
    speciesOfOwn: () => {
      const buffer = new ArrayBuffer(8);
      let made;
      buffer.constructor = { [Symbol.species]: function (size) { made = Reflect.construct(ArrayBuffer, [size, options]); return made; } };
      return buffer.slice(0, 4);
    },
    constructorReplaced: () => {
      ArrayBuffer.prototype.constructor = function (size) { return new ArrayBuffer(size, options); };
      try { return new ArrayBuffer(8).slice(0, 4); } finally { ArrayBuffer.prototype.constructor = ArrayBuffer; }
    },
    constructorDeleted: () => {
      delete ArrayBuffer.prototype.constructor;
      try { return new (new ArrayBuffer(8).slice(0, 4).constructor)(8, options); } finally { ArrayBuffer.prototype.constructor = ArrayBuffer; }
    },
    subclassSlice: () => new (class extends ArrayBuffer {})(8).slice(0, 4),
  };
  for (const [name, way] of Object.entries(ways)) {
    try {
      if (way().resizable) found.push(name);
    } catch {}
  }
  if ('resize' in ArrayBuffer.prototype) found.push('resize');
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly']) if (name in globalThis) found.push(name);
  ctx.state.set('found', found);
}
