// While hooks run in threads of this process, what they and their children write to descriptors 1 and 2 is caught.

import { closeSync, openSync, readSync } from "node:fs";
import { isFollowed, moveDescriptor } from "./descriptors.ts";
import type { Libc } from "./libc.ts";
import { openLibc } from "./libc.ts";
import type { OutputName } from "./messages.ts";

export interface StdioCapture {
  /** Hands on all that has been written so far. */
  drain(): void;
  /** Puts the descriptors back. */
  lift(): void;
}

const readBytes = 64 * 1024;
const lookEveryMs = 10;

interface Diverted {
  stream: OutputName;
  fd: 1 | 2;
  /** Where the descriptor's own file is now. */
  kept: number;
  readEnd: number;
}

/**
 * `console` and `process.stdout` of a thread reach us without this. A write to descriptor 1, or a child that inherits
 * it, would land among the results of the command; a read of descriptor 0 would take the operator's typing.
 * Does nothing where the system's C library cannot be called.
 */
export function captureStdio(onBytes: (stream: OutputName, bytes: Uint8Array) => void): StdioCapture {
  const libc = openLibc();
  if (libc === undefined) return { drain() {}, lift() {} };
  const input = divertInput(libc);
  const diverted = [divert(libc, "stdout", 1), ...(isFollowed(2) ? [divert(libc, "stderr", 2)] : [])].filter(
    (one) => one !== undefined,
  );
  const buffer = Buffer.alloc(readBytes);
  const drain = (): void => {
    for (const { stream, readEnd } of diverted) {
      while (libc.readable(readEnd)) {
        const size = readSync(readEnd, buffer);
        if (size === 0) break;
        onBytes(stream, Uint8Array.from(buffer.subarray(0, size)));
      }
    }
  };
  const timer = setInterval(drain, lookEveryMs);
  return {
    drain,
    lift() {
      clearInterval(timer);
      drain();
      for (const { fd, kept, readEnd } of diverted) {
        libc.dup2(kept, fd);
        moveDescriptor(fd, undefined);
        closeSync(kept);
        closeSync(readEnd);
      }
      if (input !== undefined) {
        libc.dup2(input, 0);
        closeSync(input);
      }
    },
  };
}

function divert(libc: Libc, stream: OutputName, fd: 1 | 2): Diverted | undefined {
  const kept = libc.dup(fd);
  if (kept < 0) return undefined;
  const ends = libc.pipe();
  if (ends === undefined) {
    closeSync(kept);
    return undefined;
  }
  const [readEnd, writeEnd] = ends;
  moveDescriptor(fd, kept);
  libc.dup2(writeEnd, fd);
  closeSync(writeEnd);
  return { stream, fd, kept, readEnd };
}

function divertInput(libc: Libc): number | undefined {
  const kept = libc.dup(0);
  if (kept < 0) return undefined;
  const nothing = openSync("/dev/null", "r");
  libc.dup2(nothing, 0);
  closeSync(nothing);
  return kept;
}
