// Standard input for many readers: read once, held in memory, and given to each command from its beginning.

import { MaandError, reasonOf } from "../model/error.ts";

/** More than a shell command is ever fed by hand; it is held in memory for workers whose turn comes later. */
const maxInputBytes = 64 * 1024 * 1024;

export interface SharedInput {
  /** The whole input as a stream of its own; what has not come yet follows as it comes. Starts the reading. */
  open(): ReadableStream<Uint8Array>;
  /** Aborted with a MaandError as its reason when the input is too long or cannot be read: no command may then go on. */
  readonly broken: AbortSignal;
}

/**
 * Shares `source` among any number of readers. Nothing is read before the first `open`, and no reader has to wait
 * for the end of the input: a command that does not read it ends when it likes.
 */
export function shareInput(source: () => ReadableStream<Uint8Array>, maxBytes = maxInputBytes): SharedInput {
  const chunks: Uint8Array[] = [];
  const failure = new AbortController();
  let ended = false;
  let started = false;
  let wake: (() => void)[] = [];
  const tell = (): void => {
    const waiting = wake;
    wake = [];
    for (const go of waiting) go();
  };

  const read = async (): Promise<void> => {
    let size = 0;
    try {
      for await (const chunk of source()) {
        size += chunk.byteLength;
        if (size > maxBytes) throw tooLong(maxBytes);
        // A copy: the source may use its buffer again.
        chunks.push(chunk.slice());
        tell();
      }
    } catch (thrown) {
      failure.abort(thrown instanceof MaandError ? thrown : unreadable(thrown));
    }
    ended = true;
    tell();
  };

  return {
    broken: failure.signal,
    open() {
      if (!started) {
        started = true;
        void read();
      }
      let next = 0;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            while (next >= chunks.length && !ended) await new Promise<void>((go) => wake.push(go));
            if (failure.signal.aborted) controller.error(failure.signal.reason);
            else if (next < chunks.length) controller.enqueue(chunks[next++]!);
            else controller.close();
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

function tooLong(maxBytes: number): MaandError {
  return new MaandError("usage", `standard input has more than ${Math.floor(maxBytes / 1024 / 1024)} MB`, {
    why: "it is held in memory until every worker has got it; the commands that were running were told to stop",
    hint: "put the data into a job, or let the command fetch it",
  });
}

function unreadable(thrown: unknown): MaandError {
  return new MaandError("local", "standard input cannot be read", {
    why: reasonOf(thrown),
    hint: "run the command with </dev/null if it needs no input",
    cause: thrown,
  });
}
