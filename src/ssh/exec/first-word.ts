// Waits for the first word of an enclosed command on its output: from there on it is the command that speaks and listens.

import type { Readable } from "node:stream";
import type { Envelope } from "./envelope.ts";
import { beginningAtEnd, maxNoiseBytes } from "./last-word.ts";

/** What came before the word, and whether the word came at all. */
export interface Beginning {
  begun: boolean;
  /** The first `maxNoiseBytes` of it. */
  noise: Buffer;
}

/**
 * Reads `stream` up to the word and leaves all that follows in it, unread. Resolves with `begun` false when the stream
 * ends first.
 */
export function firstWord(stream: Readable, { word }: Pick<Envelope, "word">): Promise<Beginning> {
  const mark = Buffer.from(word);
  let noise: Buffer = Buffer.alloc(0);
  let held: Buffer = Buffer.alloc(0);
  return new Promise((resolve) => {
    const drop = (bytes: Buffer) => {
      if (noise.length < maxNoiseBytes) noise = Buffer.concat([noise, bytes]).subarray(0, maxNoiseBytes);
    };
    const settle = (begun: boolean, rest: Buffer) => {
      stream.removeListener("readable", read);
      stream.removeListener("end", over);
      stream.removeListener("close", over);
      if (rest.length > 0) stream.unshift(rest);
      resolve({ begun, noise });
    };
    const over = () => {
      drop(held);
      settle(false, Buffer.alloc(0));
    };
    const read = () => {
      for (
        let chunk = stream.read() as Buffer | null;
        chunk !== null;
        chunk = stream.read() as Buffer | null
      ) {
        held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        const at = held.indexOf(mark);
        if (at >= 0) {
          drop(held.subarray(0, at));
          settle(true, held.subarray(at + mark.length));
          return;
        }
        const keep = beginningAtEnd(held, mark);
        drop(held.subarray(0, held.length - keep));
        held = held.subarray(held.length - keep);
      }
    };
    stream.once("end", over);
    stream.once("close", over);
    stream.on("readable", read);
  });
}
