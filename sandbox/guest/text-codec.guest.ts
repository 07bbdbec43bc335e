/**
 * `TextDecoder` and `TextEncoder` after the WHATWG Encoding standard, for an isolate that has neither: UTF-8, UTF-16LE and
 * windows-1252 (`latin1`), with replacement characters, fatal mode, byte order marks and streams. Pyodide moves every longer
 * string through them. test/unit/text-codec.test.ts compares them with Node's.
 */

const LABELS: Readonly<Record<string, Encoding>> = {
  __proto__: null as never,
  'unicode-1-1-utf-8': 'utf-8',
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-16': 'utf-16le',
  'utf-16le': 'utf-16le',
  ascii: 'windows-1252',
  'iso-8859-1': 'windows-1252',
  latin1: 'windows-1252',
  'us-ascii': 'windows-1252',
  'windows-1252': 'windows-1252',
};

type Encoding = 'utf-8' | 'utf-16le' | 'windows-1252';

/** Windows-1252 for bytes 0x80 to 0x9f. */
const C1 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

const fromCharCode = String.fromCharCode;
const charCodeAt = String.prototype.charCodeAt;
const apply = Reflect.apply;
const code = (text: string, index: number): number => apply(charCodeAt, text, [index]) as number;

/** Arguments of one `fromCharCode` call: far below V8's limit, large enough to be fast. */
const CHUNK = 4_096;

/** Collects UTF-16 units and turns them into text in chunks. */
class Units {
  #units = new Uint16Array(CHUNK);
  #length = 0;
  #text = '';

  push(unit: number): void {
    if (this.#length === CHUNK) this.#spill();
    this.#units[this.#length++] = unit;
  }

  pushPoint(point: number): void {
    if (point < 0x10000) return this.push(point);
    this.push(0xd7c0 + (point >> 10));
    this.push(0xdc00 | (point & 0x3ff));
  }

  /** Bytes below 0x80 from `at` on; returns where they end. */
  pushAscii(bytes: Uint8Array, at: number): number {
    let end = at;
    while (end < bytes.length && (bytes[end] as number) < 0x80) end++;
    this.#spill();
    for (let from = at; from < end; from += CHUNK)
      this.#text += apply(fromCharCode, null, bytes.subarray(from, Math.min(from + CHUNK, end)) as never);
    return end;
  }

  #spill(): void {
    if (this.#length > 0) this.#text += apply(fromCharCode, null, this.#units.subarray(0, this.#length) as never);
    this.#length = 0;
  }

  finish(): string {
    this.#spill();
    return this.#text;
  }
}

function bytesOf(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array(0);
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  return new Uint8Array(input);
}

export class GuestTextDecoder {
  readonly encoding: Encoding;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  /** UTF-8: the code point so far, bytes still to come, and the range the next byte must be in. */
  #point = 0;
  #needed = 0;
  #lower = 0x80;
  #upper = 0xbf;
  /** UTF-16: the odd byte and the lead surrogate that wait for the next call. */
  #byte = -1;
  #lead = -1;
  #atStart = true;
  #open = false;

  constructor(label = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const encoding = LABELS[`${label}`.trim().toLowerCase()];
    if (encoding === undefined) throw new RangeError(`The "${label}" encoding is not supported.`);
    this.encoding = encoding;
    this.fatal = Boolean(options.fatal);
    this.ignoreBOM = Boolean(options.ignoreBOM);
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    if (!this.#open) this.#reset();
    this.#open = Boolean(options.stream);
    const bytes = bytesOf(input);
    const out = new Units();
    try {
      if (this.encoding === 'utf-8') this.#utf8(bytes, out);
      else if (this.encoding === 'utf-16le') this.#utf16(bytes, out);
      else for (let i = 0; i < bytes.length; i++) out.push(latin(bytes[i] as number));
    } catch (error) {
      this.#open = false;
      throw error;
    }
    const text = out.finish();
    if (this.encoding === 'windows-1252' || text === '' || !this.#atStart) return text;
    this.#atStart = false;
    return !this.ignoreBOM && code(text, 0) === 0xfeff ? text.slice(1) : text;
  }

  #reset(): void {
    this.#endPoint();
    this.#byte = -1;
    this.#lead = -1;
    this.#atStart = true;
  }

  #endPoint(): void {
    this.#point = 0;
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }

  #invalid(out: Units): void {
    if (this.fatal) throw new TypeError(`The encoded data was not valid for encoding ${this.encoding}`);
    out.push(0xfffd);
  }

  #utf8(bytes: Uint8Array, out: Units): void {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (this.#needed > 0) {
        if (byte >= this.#lower && byte <= this.#upper) {
          this.#lower = 0x80;
          this.#upper = 0xbf;
          this.#point = (this.#point << 6) | (byte & 0x3f);
          if (--this.#needed === 0) {
            out.pushPoint(this.#point);
            this.#point = 0;
          }
          continue;
        }
        this.#endPoint();
        this.#invalid(out);
      }
      if (byte < 0x80) {
        i = out.pushAscii(bytes, i) - 1;
      } else if (byte >= 0xc2 && byte <= 0xdf) {
        this.#needed = 1;
        this.#point = byte & 0x1f;
      } else if (byte >= 0xe0 && byte <= 0xef) {
        if (byte === 0xe0) this.#lower = 0xa0;
        if (byte === 0xed) this.#upper = 0x9f;
        this.#needed = 2;
        this.#point = byte & 0x0f;
      } else if (byte >= 0xf0 && byte <= 0xf4) {
        if (byte === 0xf0) this.#lower = 0x90;
        if (byte === 0xf4) this.#upper = 0x8f;
        this.#needed = 3;
        this.#point = byte & 0x07;
      } else this.#invalid(out);
    }
    if (!this.#open && this.#needed > 0) {
      this.#endPoint();
      this.#invalid(out);
    }
  }

  #utf16(bytes: Uint8Array, out: Units): void {
    for (let i = 0; i < bytes.length; i++) {
      if (this.#byte < 0) {
        this.#byte = bytes[i] as number;
        continue;
      }
      const unit = this.#byte | ((bytes[i] as number) << 8);
      this.#byte = -1;
      if (this.#lead >= 0) {
        const lead = this.#lead;
        this.#lead = -1;
        if (unit >= 0xdc00 && unit <= 0xdfff) {
          out.push(lead);
          out.push(unit);
          continue;
        }
        this.#invalid(out);
      }
      if (unit >= 0xd800 && unit <= 0xdbff) this.#lead = unit;
      else if (unit >= 0xdc00 && unit <= 0xdfff) this.#invalid(out);
      else out.push(unit);
    }
    if (!this.#open && (this.#byte >= 0 || this.#lead >= 0)) {
      this.#byte = -1;
      this.#lead = -1;
      this.#invalid(out);
    }
  }
}

const latin = (byte: number): number => (byte >= 0x80 && byte <= 0x9f ? code(C1, byte - 0x80) : byte);

/** First byte of a sequence, by its length. */
const LEADS = [0, 0, 0xc0, 0xe0, 0xf0];

export class GuestTextEncoder {
  readonly encoding = 'utf-8';

  encode(text = ''): Uint8Array {
    const source = `${text}`;
    const bytes = new Uint8Array(source.length * 3);
    return bytes.slice(0, this.encodeInto(source, bytes).written);
  }

  /** Writes whole code points only; lone surrogates become U+FFFD. */
  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    const source = `${text}`;
    const room = target.length;
    let read = 0;
    let written = 0;
    while (read < source.length) {
      let point = code(source, read);
      let units = 1;
      if (point >= 0xd800 && point <= 0xdfff) {
        const next = point <= 0xdbff && read + 1 < source.length ? code(source, read + 1) : 0;
        if (next >= 0xdc00 && next <= 0xdfff) {
          point = 0x10000 + ((point & 0x3ff) << 10) + (next & 0x3ff);
          units = 2;
        } else point = 0xfffd;
      }
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (written + size > room) break;
      if (size === 1) target[written] = point;
      else {
        target[written] = (LEADS[size] as number) | (point >> (6 * (size - 1)));
        for (let i = 1; i < size; i++) target[written + i] = 0x80 | ((point >> (6 * (size - 1 - i))) & 0x3f);
      }
      written += size;
      read += units;
    }
    return { read, written };
  }
}
