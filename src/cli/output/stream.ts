// Standard output and standard error as they are: a terminal or not, how wide, and writes that lose nothing.

import { fstatSync, writeSync } from "node:fs";
import { followDescriptor } from "../../hooks/runtime/descriptors.ts";

/** A place to write text to. `write` writes all of it or throws the system's error. */
export interface TextStream {
  readonly isTty: boolean;
  /** Columns and rows of the terminal now; undefined when there is none or it does not say. */
  size(): { columns: number; rows: number } | undefined;
  write(text: string): void;
  /** Text is held for a reader who is behind: nothing that is only good now should be added. */
  readonly behind?: boolean;
  /** Text was left out because nobody read it. */
  readonly hasDropped?: boolean;
  /** Waits, as long as that makes sense, until what is held has been read. */
  settle?(): void;
}

/**
 * The process's own stream 1 or 2. Writes are synchronous: the runtime's streams keep what a slow reader has
 * not taken in memory without bound, and lose it at `process.exit`.
 */
export function openStream(fd: 1 | 2): TextStream {
  let known: boolean | undefined;
  // While hooks run in this process the stream may be moved out of their way.
  const descriptor = followDescriptor(fd);
  return {
    // Asked for only when something is written: finding out costs a command that writes nothing too much.
    get isTty() {
      known ??= isTerminal(fd);
      return known;
    },
    size() {
      if (!this.isTty) return undefined;
      const { columns, rows } = fd === 1 ? process.stdout : process.stderr;
      return columns > 0 && rows > 0 ? { columns, rows } : undefined;
    },
    write(text) {
      const bytes = Buffer.from(text, "utf8");
      for (let written = 0; written < bytes.length; ) written += writeSome(descriptor(), bytes, written);
    },
  };
}

// The runtime's own answer costs milliseconds to load; a pipe or a file can do without it.
function isTerminal(fd: 1 | 2): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  return (fd === 1 ? process.stdout : process.stderr).isTTY === true;
}

function writeSome(fd: number, bytes: Buffer, from: number): number {
  try {
    return writeSync(fd, bytes, from);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    // The other end shares the open file and may have set it to not wait: then we wait for the reader here.
    if (code === "EAGAIN") Bun.sleepSync(2);
    else if (code !== "EINTR") throw thrown;
    return 0;
  }
}
