// A stream that keeps what is written to it, with a size that a test can change.

import type { TextStream } from "../../src/cli/output/stream.ts";
import { createTerminal, type Terminal, type TerminalOptions } from "../../src/cli/output/terminal.ts";

export interface MemoryStream extends TextStream {
  /** Every write as it came. */
  writes: string[];
  text(): string;
  columns: number;
  rows: number;
}

export function memoryStream(isTty: boolean, columns = 80, rows = 24): MemoryStream {
  const writes: string[] = [];
  const stream: MemoryStream = {
    isTty,
    columns,
    rows,
    writes,
    size: () => (isTty ? { columns: stream.columns, rows: stream.rows } : undefined),
    write: (text) => void writes.push(text),
    text: () => writes.join(""),
  };
  return stream;
}

export interface MemoryTerminal extends Terminal {
  out: MemoryStream;
  err: MemoryStream;
}

/** A terminal on two memory streams, a tty when `tty` is given; an empty environment unless one is given. */
export function memoryTerminal(tty: boolean, options: Partial<TerminalOptions> = {}): MemoryTerminal {
  const out = memoryStream(tty);
  const err = memoryStream(tty);
  const terminal = createTerminal({
    stdout: out,
    stderr: err,
    json: false,
    quiet: false,
    color: true,
    progress: true,
    env: {},
    ...options,
  });
  return { ...terminal, out, err };
}
