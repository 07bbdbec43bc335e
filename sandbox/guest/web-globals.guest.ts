/**
 * What ordinary JavaScript libraries expect around the language, as far as it needs nothing from outside: text codecs, base64,
 * randomness, queueMicrotask. Each is made when it is first used, since most workers use none.
 */
import { createEntropy, type Entropy } from './entropy.guest.ts';
import { defineProperty, defineValue, freeze, promiseThen, SafePromise } from './primordials.guest.ts';
import { GuestTextDecoder, GuestTextEncoder } from './text-codec.guest.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** The limit of the Web Crypto standard for one call. */
const RANDOM_BYTES_MAX = 65_536;

export interface WebGlobals {
  /** Randomness of this run: a supplied seed, or null for the real one. */
  useSeed(seed: number | null): void;
}

/** `seed`: random bytes from the cell, see entropy.guest.ts. */
export function installWebGlobals(global: typeof globalThis, seed: ArrayBuffer): WebGlobals {
  const bytes = new Uint8Array(seed);
  let entropy: Entropy | null = null;
  let supplied: number | null = null;
  const random = (target: Uint8Array): void => {
    if (entropy === null) {
      entropy = createEntropy(bytes);
      entropy.useSeed(supplied);
    }
    entropy.fill(target);
  };
  const lazy = (name: string, make: () => unknown): void => {
    const settle = (value: unknown): void => {
      defineValue(global, name, value, false);
    };
    defineProperty(global, name, {
      get() {
        const value = make();
        settle(value);
        return value;
      },
      set: settle,
      configurable: true,
      enumerable: false,
    });
  };
  lazy('TextEncoder', () => GuestTextEncoder);
  lazy('TextDecoder', () => GuestTextDecoder);
  lazy('crypto', () => createCrypto(random));
  lazy('btoa', () => btoa);
  lazy('atob', () => atob);
  lazy('queueMicrotask', () => (task: () => void) => {
    if (typeof task !== 'function') throw new TypeError('queueMicrotask needs a function.');
    void promiseThen(SafePromise.resolve(), () => task());
  });
  return {
    useSeed(next) {
      supplied = next;
      entropy?.useSeed(next);
    },
  };
}

function createCrypto(random: (target: Uint8Array) => void): object {
  return freeze({
    getRandomValues<T extends ArrayBufferView>(view: T): T {
      if (view.byteLength > RANDOM_BYTES_MAX) throw new RangeError(`At most ${RANDOM_BYTES_MAX} bytes at once.`);
      random(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
      return view;
    },
    /** RFC 9562, version 4. */
    randomUUID(): string {
      const bytes = new Uint8Array(16);
      random(bytes);
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
      let text = '';
      for (let i = 0; i < 16; i++) {
        if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
        text += ((bytes[i] as number) + 0x100).toString(16).slice(1);
      }
      return text;
    },
  });
}

function btoa(data: unknown): string {
  const text = String(data);
  let out = '';
  for (let i = 0; i < text.length; i += 3) {
    const [a, b, c] = [text.charCodeAt(i), text.charCodeAt(i + 1), text.charCodeAt(i + 2)];
    if (a > 255 || b > 255 || c > 255)
      throw new RangeError('btoa takes characters up to U+00FF; encode the text first.');
    const word = (a << 16) | ((b || 0) << 8) | (c || 0);
    out += ALPHABET[word >> 18];
    out += ALPHABET[(word >> 12) & 63];
    out += i + 1 < text.length ? ALPHABET[(word >> 6) & 63] : '=';
    out += i + 2 < text.length ? ALPHABET[word & 63] : '=';
  }
  return out;
}

function atob(data: unknown): string {
  const text = String(data)
    .replace(/[\t\n\f\r ]/g, '')
    .replace(/={1,2}$/, '');
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text))
    throw new TypeError('atob got something that is not base64.');
  let out = '';
  for (let i = 0; i < text.length; i += 4) {
    const at = (offset: number): number => Math.max(0, ALPHABET.indexOf(text[i + offset] ?? 'A'));
    const word = (at(0) << 18) | (at(1) << 12) | (at(2) << 6) | at(3);
    out += String.fromCharCode(word >> 16);
    if (i + 2 < text.length) out += String.fromCharCode((word >> 8) & 255);
    if (i + 3 < text.length) out += String.fromCharCode(word & 255);
  }
  return out;
}
