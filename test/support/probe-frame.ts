/** A frame of the wire, written by a process that stands in a cell's place. */
import { writeSync } from 'node:fs';
import { CELL_WRITE_FD, type FromCell } from '../../sandbox/protocol.ts';

export function probeFrame(message: FromCell): void {
  const body = Buffer.from(JSON.stringify([message]));
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, 4);
  writeSync(CELL_WRITE_FD, frame);
}
