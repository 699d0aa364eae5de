// The error output of an enclosed command: what login files printed, what the command printed, and the status in its last word.

import { Transform } from "node:stream";
import type { Envelope } from "./envelope.ts";

/** Bytes that are kept of what login files print: enough to tell which file it was. */
export const maxNoiseBytes = 2048;

/** A status has up to three digits, and a slash ends it. */
const maxStatusBytes = 4;

/** Passes on what the command itself printed. */
export interface ErrorOutput extends Transform {
  /** The command's status; undefined while its last word has not come. */
  readonly status: number | undefined;
  /** What came before the command's own output. */
  readonly noise: Buffer;
}

/** The filter for one command. */
export function errorOutput({ word }: Pick<Envelope, "word">): ErrorOutput {
  const mark = Buffer.from(word);
  let begun = false;
  let status: number | undefined;
  let noise: Buffer = Buffer.alloc(0);
  let held: Buffer = Buffer.alloc(0);

  /** Takes from `held` what can be judged; what may be the beginning of a word stays, unless this is the end. */
  const take = (atEnd: boolean): Buffer[] => {
    const parts: Buffer[] = [];
    for (;;) {
      if (status !== undefined) {
        // Something that the command left running still prints.
        parts.push(held);
        held = Buffer.alloc(0);
        return parts;
      }
      const at = held.indexOf(mark);
      if (at < 0) {
        const keep = atEnd ? 0 : beginningAtEnd(held, mark);
        pass(held.subarray(0, held.length - keep), parts);
        held = held.subarray(held.length - keep);
        return parts;
      }
      const after = at + mark.length;
      if (!begun) {
        pass(held.subarray(0, at), parts);
        begun = true;
        held = held.subarray(after);
        continue;
      }
      const found = /^(\d{1,3})\//.exec(held.toString("latin1", after, after + maxStatusBytes));
      if (found !== null) {
        pass(held.subarray(0, at), parts);
        status = Number(found[1]);
        held = held.subarray(after + found[0].length);
      } else if (!atEnd && held.length < after + maxStatusBytes) {
        pass(held.subarray(0, at), parts);
        held = held.subarray(at);
        return parts;
      } else {
        // A list of processes holds our word too.
        pass(held.subarray(0, after), parts);
        held = held.subarray(after);
      }
    }
  };
  const pass = (bytes: Buffer, parts: Buffer[]) => {
    if (bytes.length === 0) return;
    if (begun) parts.push(bytes);
    else noise = Buffer.concat([noise, bytes]).subarray(0, maxNoiseBytes);
  };

  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      for (const part of take(false)) this.push(part);
      done();
    },
    flush(done) {
      for (const part of take(true)) this.push(part);
      done();
    },
  });
  return Object.defineProperties(stream, {
    status: { get: () => status },
    noise: { get: () => noise },
  }) as ErrorOutput;
}

/** How many bytes at the end of `bytes` may be the beginning of `mark`. */
export function beginningAtEnd(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(bytes.length, mark.length - 1); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
