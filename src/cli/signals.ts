// What signals mean to a command: Ctrl-C in its two strengths, and a terminal that goes away.

import { readFileSync } from "node:fs";
import type { EventStream } from "../events/event.ts";

export interface SignalRules {
  graceful: AbortController;
  forced: AbortController;
  events: EventStream;
  /**
   * The command changes something here or on workers: it goes on to its end when its terminal goes away. One that only
   * looks has nobody left to show anything to, and ends as after the first Ctrl-C.
   */
  acts: boolean;
}

/** SIGHUP is signal 1: the lowest bit of the masks in /proc/self/status. */
const hangupBit = 1n;

/**
 * SIGINT and SIGTERM: the first launches nothing new, the second waits for nothing. SIGHUP: see `SignalRules.acts`.
 * SIGQUIT and SIGTSTP keep their usual meaning. Returns how to stop listening.
 */
export function watchSignals({ graceful, forced, events, acts }: SignalRules): () => void {
  const tell = (text: string): void => events.emit({ type: "warning", scope: { worker: "-" }, text });
  const onStop = (): void => {
    if (graceful.signal.aborted) {
      forced.abort();
      return;
    }
    tell("interrupted: nothing new is started, what is running may finish; Ctrl-C again does not wait");
    graceful.abort();
  };
  let hungUp = false;
  const onHangup = (): void => {
    // The kernel and the shell both say so.
    if (hungUp) return;
    hungUp = true;
    if (acts) {
      tell(
        "the terminal has gone away (SIGHUP): this command goes on to its end; what becomes of it is in the log: maand logs show --run last",
      );
      return;
    }
    tell("the terminal has gone away (SIGHUP): this command only looks, and ends");
    graceful.abort();
  };
  // Who was told to ignore it (nohup) has an output elsewhere and goes on in any case.
  const minds = acts || !isHangupIgnored();
  process.on("SIGINT", onStop);
  process.on("SIGTERM", onStop);
  if (minds) process.on("SIGHUP", onHangup);
  return () => {
    process.off("SIGINT", onStop);
    process.off("SIGTERM", onStop);
    if (minds) process.off("SIGHUP", onHangup);
  };
}

function isHangupIgnored(): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
    return (BigInt(`0x${mask}`) & hangupBit) !== 0n;
  } catch {
    // A system without /proc does not tell.
    return false;
  }
}
