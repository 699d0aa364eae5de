// Whether a server speaks: one that accepts connections and never says a word must not take anybody's place.

import type { Duplex } from "node:stream";
import type { Deadline } from "./deadline.ts";

/** A server that is slower than this (reverse lookups, a multiplexer that listens first) goes on without a place. */
const patienceMs = 1000;

/** Whether anything came within a second. What came is left in the stream. */
export function hasGreeted(stream: Duplex, deadline: Deadline): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (greeted: boolean) => {
      stream.removeListener("readable", look);
      stream.removeListener("end", over);
      stream.removeListener("close", over);
      resolve(greeted);
    };
    const over = () => settle(false);
    const look = () => {
      const chunk = stream.read() as Buffer | null;
      if (chunk === null) return;
      stream.removeListener("readable", look);
      stream.unshift(chunk);
      settle(true);
    };
    stream.once("end", over);
    stream.once("close", over);
    stream.on("readable", look);
    void deadline.pause(patienceMs).then(over);
  });
}
