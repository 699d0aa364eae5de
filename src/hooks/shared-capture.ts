// One stdio capture for all hooks that run in threads at the same time: begun with the first, drained with each.

import type { OutputName } from "./runtime/messages.ts";
import type { StdioCapture } from "./runtime/stdio-capture.ts";

type OnBytes = (stream: OutputName, bytes: Uint8Array) => void;

export interface SharedCapture {
  /** Catches for one more hook; the function that comes back ends it, after handing on what was written. */
  join(onBytes: OnBytes): () => void;
  /** Puts the descriptors of this process back. */
  lift(): void;
}

/**
 * @param begin begins the capture itself, when the first hook joins
 * @param onUnclear takes what nobody can tell the author of, because several hooks were running
 */
export function shareCapture(begin: (onBytes: OnBytes) => StdioCapture, onUnclear: OnBytes): SharedCapture {
  const running = new Set<OnBytes>();
  let capture: StdioCapture | undefined;
  const deliver: OnBytes = (stream, bytes) => {
    const [only, ...others] = running;
    if (only !== undefined && others.length === 0) only(stream, bytes);
    else onUnclear(stream, bytes);
  };
  return {
    join(onBytes) {
      capture ??= begin(deliver);
      // What the others wrote until now is not this one's.
      capture.drain();
      running.add(onBytes);
      return () => {
        capture?.drain();
        running.delete(onBytes);
      };
    },
    lift() {
      capture?.lift();
      capture = undefined;
    },
  };
}
