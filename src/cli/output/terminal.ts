// What the user sees us through: both streams with their colours and widths, and the global output flags.

import { MaandError, reasonOf } from "../../model/error.ts";
import { createPaint, type Paint } from "./paint.ts";
import type { TextStream } from "./stream.ts";

/** One of the two streams. */
export interface Channel {
  readonly isTty: boolean;
  readonly paint: Paint;
  /** Columns of the terminal; undefined when the stream is none: then nothing is cut. */
  width(): number | undefined;
  /** Rows of the terminal; undefined when the stream is none. */
  height(): number | undefined;
  /** Writes all of the text; false when nobody reads any more, which is no error. */
  write(text: string): boolean;
  /** The reader is behind; see `TextStream`. */
  readonly behind: boolean;
  /** Calls back once when text does not reach its reader any more; `why` completes "standard error ...". */
  onLost(listener: (why: string) => void): void;
  /** Gives a reader who is behind some time to take the rest. */
  finish(): void;
}

export interface Terminal {
  /** Results. A write that fails for another reason than a reader who left throws a `local` error. */
  readonly stdout: Channel;
  /** Progress, warnings, errors. A write never throws. */
  readonly stderr: Channel;
  /** `--json` was given. */
  readonly json: boolean;
  /** `--quiet` was given. */
  readonly quiet: boolean;
  /** Whether progress is redrawn in place on stderr. */
  readonly live: boolean;
  /** Whether results and remote output appear on one screen, so that what has scrolled by need not be repeated. */
  readonly sameScreen: boolean;
}

export interface TerminalOptions {
  stdout: TextStream;
  stderr: TextStream;
  json: boolean;
  quiet: boolean;
  /** False with `--no-color`. `NO_COLOR` and `TERM=dumb` count as that too. */
  color: boolean;
  /** False with `--no-progress`. */
  progress: boolean;
  /** Where `NO_COLOR` and `TERM` are looked up; the process's environment by default. */
  env?: Record<string, string | undefined>;
}

/** Columns of a terminal that does not say how wide it is. */
const defaultWidth = 80;
const defaultHeight = 24;

/** Errors of a write that mean: the reader is gone (pipe closed, terminal hung up, stream closed by the caller). */
const readerGone: ReadonlySet<string> = new Set(["EPIPE", "EIO", "EBADF", "ECONNRESET"]);

/** The terminal of this process for the given flags. */
export function createTerminal(options: TerminalOptions): Terminal {
  const env = options.env ?? process.env;
  const dumb = env.TERM === "dumb";
  // no-color.org: set and not empty, whatever the value.
  const color = options.color && !dumb && (env.NO_COLOR ?? "") === "";
  const stderr = createChannel(options.stderr, color, false);
  return {
    // What was said before a result stands above it.
    stdout: createChannel(options.stdout, color, true, stderr.finish),
    stderr,
    json: options.json,
    quiet: options.quiet,
    get live() {
      return options.progress && !options.quiet && !dumb && options.stderr.isTty;
    },
    get sameScreen() {
      return !options.json && !options.quiet && options.stdout.isTty && options.stderr.isTty;
    },
  };
}

function createChannel(
  stream: TextStream,
  color: boolean,
  mustArrive: boolean,
  before: () => void = () => undefined,
): Channel {
  let gone = false;
  let lost: ((why: string) => void) | undefined;
  const tellLost = (why: string): void => {
    const tell = lost;
    lost = undefined;
    tell?.(why);
  };
  let paint: Paint | undefined;
  return {
    get isTty() {
      return stream.isTty;
    },
    get paint() {
      paint ??= createPaint(color && stream.isTty);
      return paint;
    },
    width: () => (stream.isTty ? (stream.size()?.columns ?? defaultWidth) : undefined),
    height: () => (stream.isTty ? (stream.size()?.rows ?? defaultHeight) : undefined),
    get behind() {
      return stream.behind === true;
    },
    onLost(listener) {
      lost = listener;
    },
    finish: () => stream.settle?.(),
    write(text) {
      if (gone) return false;
      if (text === "") return true;
      before();
      try {
        stream.write(text);
        if (stream.hasDropped === true) tellLost("is not read by anybody");
        return true;
      } catch (thrown) {
        gone = true;
        tellLost(`cannot be written to (${(thrown as NodeJS.ErrnoException).code ?? reasonOf(thrown)})`);
        if (mustArrive && !readerGone.has((thrown as NodeJS.ErrnoException).code ?? ""))
          throw new MaandError("local", "the result could not be written to standard output", {
            why: reasonOf(thrown),
            hint: "free space where the output goes, then run the command again",
            cause: thrown,
          });
        return false;
      }
    },
  };
}
