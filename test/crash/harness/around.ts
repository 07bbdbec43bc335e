/** Puts something around a method of a class, in this process only: so the code under test needs no hook for its tests. */
type MethodOf<T, K extends keyof T> = Extract<T[K], (...args: never[]) => unknown>;

export function around<T extends object, K extends keyof T>(
  type: { readonly prototype: T },
  name: K,
  body: (
    call: (...args: Parameters<MethodOf<T, K>>) => ReturnType<MethodOf<T, K>>,
    args: Parameters<MethodOf<T, K>>,
    self: T,
  ) => ReturnType<MethodOf<T, K>>,
): void {
  const inner = type.prototype[name] as unknown as (...args: unknown[]) => unknown;
  Object.defineProperty(type.prototype, name, {
    configurable: true,
    writable: true,
    value: function replaced(this: T, ...args: unknown[]): unknown {
      const call = (...given: unknown[]): unknown => inner.apply(this, given);
      return body(call as never, args as never, this);
    },
  });
}
