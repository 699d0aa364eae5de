// Lets output through no faster than it leaves time for everything else: deadlines, Ctrl-C, other workers.

import type { Readable } from "node:stream";

/** Milliseconds of one turn of the event loop that go to output, whatever comes from however many workers. */
const sliceMs = 20;

let spentMs = 0;
let scheduled = false;
/** Streams that have more, in the order of their turns. What they hold back makes the worker wait. */
const waiting: Readable[] = [];

/** Hands each chunk to `take`; once a turn's share of time is used up, the stream pauses until its own turn comes. */
export function readAtPace(stream: Readable, take: (chunk: Buffer) => void): void {
  stream.on("data", (chunk: Buffer) => {
    const begin = performance.now();
    take(chunk);
    spentMs += performance.now() - begin;
    schedule();
    if (spentMs < sliceMs) return;
    stream.pause();
    waiting.push(stream);
  });
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  // A timer and not an immediate: timers that are due, the deadlines among them, come before it.
  setTimeout(nextTurn, 0);
}

function nextTurn(): void {
  scheduled = false;
  spentMs = 0;
  // One at a time: a stream that resumes hands on what it holds until the share is used up again.
  const next = waiting.shift();
  if (next === undefined) return;
  next.resume();
  if (waiting.length > 0) schedule();
}
