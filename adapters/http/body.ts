/**
 * Reads and decodes a response's body within limits. What counts is the decoded size, at every stage: two layers of gzip
 * blow half a kilobyte up to 200 MB. The wire bytes are bounded too, since a stream can be long and decode to nothing.
 */
import { promisify } from 'node:util';
import { brotliDecompress, constants, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';
import { KiB, MiB } from '../../src/core/limits.ts';
import { FetchFailure } from './failure.ts';

/** Compression can make data that is already dense a little longer. */
const WIRE_SLACK_BYTES = 64 * KiB;
const CODINGS_MAX = 2;
const CHUNK_BYTES = 64 * KiB;
/** RFC 8878 3.1.1.1.2 asks for 8 MiB; the library would take 128 MiB per stream on the server's word. */
const ZSTD_WINDOW_LOG_MAX = 23;

/** Bodies being received, all together and of one workspace. */
const BUFFERED_BYTES_MAX = 256 * MiB;
const BUFFERED_BYTES_PER_WORKSPACE = 64 * MiB;

const decoders: Readonly<Record<string, (data: Buffer, maxOutputLength: number) => Promise<Buffer>>> = {
  gzip: (data, maxOutputLength) => promisify(gunzip)(data, { maxOutputLength, chunkSize: CHUNK_BYTES }),
  deflate: (data, maxOutputLength) =>
    // Some servers send the bare stream; the zlib header's low four bits tell.
    promisify(((data[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw)(data, { maxOutputLength, chunkSize: CHUNK_BYTES }),
  br: (data, maxOutputLength) => promisify(brotliDecompress)(data, { maxOutputLength, chunkSize: CHUNK_BYTES }),
  zstd: (data, maxOutputLength) =>
    promisify(zstdDecompress)(data, {
      maxOutputLength,
      chunkSize: CHUNK_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
    }),
};

const tooLarge = (limit: number): FetchFailure =>
  new FetchFailure('RESPONSE_TOO_LARGE', `the answer is larger than ${limit} bytes`);

/** Bytes that are in memory right now, so that many slow large answers cannot fill it. */
export class ByteBudget {
  readonly #held = new Map<string, number>();
  #total = 0;

  take(workspace: string, bytes: number): void {
    const held = (this.#held.get(workspace) ?? 0) + bytes;
    if (held > BUFFERED_BYTES_PER_WORKSPACE || this.#total + bytes > BUFFERED_BYTES_MAX) {
      throw new FetchFailure('BUSY', 'too many large answers are being received at the same time; try again later');
    }
    this.#held.set(workspace, held);
    this.#total += bytes;
  }

  give(workspace: string, bytes: number): void {
    const held = (this.#held.get(workspace) ?? 0) - bytes;
    if (held > 0) this.#held.set(workspace, held);
    else this.#held.delete(workspace);
    this.#total -= bytes;
  }
}

/** All bytes of the body as they came over the wire; `take` may refuse more. */
export async function readWire(
  body: AsyncIterable<Buffer>,
  limit: number,
  take: (bytes: number) => void,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop by an error destroys the stream, and with it the socket.
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limit + WIRE_SLACK_BYTES) throw tooLarge(limit);
    take(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Undoes `content-encoding`, last coding first. */
export async function decodeBody(wire: Buffer, encoding: string | undefined, limit: number): Promise<Buffer> {
  const codings = (encoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim().replace(/^x-gzip$/, 'gzip'))
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > CODINGS_MAX) {
    throw new FetchFailure(
      'BAD_ENCODING',
      `the answer is compressed ${codings.length} times; ${CODINGS_MAX} are understood`,
    );
  }
  let data = wire;
  for (const coding of codings.toReversed()) {
    const decode = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
    if (decode === undefined)
      throw new FetchFailure('BAD_ENCODING', 'the answer is compressed in a way that is not known');
    // HEAD, 204 and 304 name the coding of a body they do not have.
    if (data.length === 0) return data;
    try {
      data = await decode(data, limit);
    } catch (error) {
      if (error instanceof RangeError) throw tooLarge(limit);
      throw new FetchFailure('BAD_ENCODING', `the answer is not valid ${coding}`);
    }
  }
  if (data.length > limit) throw tooLarge(limit);
  return data;
}
