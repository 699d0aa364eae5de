// Notices a dead peer: nothing at all was heard for several intervals although signs of life were asked for.

import type { Duplex } from "node:stream";

/** Signs of life that may stay unanswered one after the other. */
const missesAllowed = 3;

/**
 * Calls `onDead` once when nothing arrived on `stream` for `missesAllowed` + 1 intervals (the first of them may have
 * been idle without a question). Any byte counts as life, so a slow link full of data is not taken for a dead one;
 * turns are counted and not time, so neither is a process that was suspended. Returns the way to stop watching.
 */
export function watchForSilence(
  stream: Duplex,
  intervalSeconds: number,
  onDead: (silentSeconds: number) => void,
): () => void {
  let heard = false;
  let silent = 0;
  const hear = () => {
    heard = true;
  };
  stream.on("data", hear);
  const timer = setInterval(() => {
    silent = heard ? 0 : silent + 1;
    heard = false;
    if (silent <= missesAllowed) return;
    stop();
    onDead(silent * intervalSeconds);
  }, intervalSeconds * 1000);
  const stop = () => {
    clearInterval(timer);
    stream.removeListener("data", hear);
  };
  return stop;
}
