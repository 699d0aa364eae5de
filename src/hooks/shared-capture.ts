// One shield for all hooks that run in threads at the same time: raised with the first, drained with each.

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
 * @param raise raises the shield itself, when the first hook joins
 * @param onUnclear takes what nobody can tell the author of, because several hooks were running
 */
export function shareCapture(raise: (onBytes: OnBytes) => StdioCapture, onUnclear: OnBytes): SharedCapture {
  const running = new Set<OnBytes>();
  let shield: StdioCapture | undefined;
  const deliver: OnBytes = (stream, bytes) => {
    const [only, ...others] = running;
    if (only !== undefined && others.length === 0) only(stream, bytes);
    else onUnclear(stream, bytes);
  };
  return {
    join(onBytes) {
      shield ??= raise(deliver);
      // What the others wrote until now is not this one's.
      shield.drain();
      running.add(onBytes);
      return () => {
        shield?.drain();
        running.delete(onBytes);
      };
    },
    lift() {
      shield?.lift();
      shield = undefined;
    },
  };
}
