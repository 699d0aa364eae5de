// The event stream on standard error: plain lines, or live progress in place on a terminal.

import type { Event, Listener } from "../../events/event.ts";
import { eventLines } from "./event-lines.ts";
import { createInFlight } from "./in-flight.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds between two drawings at the least, and at the most while something runs (the clock goes on). */
const drawMs = 100;
const tickMs = 1000;
/** Characters of waiting lines that are written before the next drawing is due. */
const waitingChars = 64 * 1024;

export interface Renderer {
  listen: Listener;
  /** Takes the live lines off the screen and writes what waits, so that others may write; the next event draws again. */
  clear(): void;
  /** Does the same for good. Later events are written as plain lines. May be called twice. */
  close(): void;
}

/**
 * A listener that draws on `terminal.stderr`. With `--quiet` only warnings and errors are shown; without a
 * terminal, or with `--no-progress`, each event is written as whole lines at once. Never throws: when nobody
 * reads any more it goes on in silence. `now` gives milliseconds (a monotonic clock).
 */
export function createRenderer(terminal: Terminal, now: () => number = () => performance.now()): Renderer {
  return terminal.live ? createLive(terminal, now) : createPlain(terminal);
}

/** The lines of an event, none where the command's own table says the same on the same screen a moment later. */
function shownLines(terminal: Terminal, event: Event): string[] {
  const { phase, action } = event.scope;
  const isRepeated =
    phase === "job_control" &&
    action === "status" &&
    (event.type === "output" || event.type === "allocation");
  return isRepeated && terminal.sameScreen ? [] : eventLines(event, terminal.stderr.paint);
}

function createPlain(terminal: Terminal): Renderer {
  const { stderr, quiet } = terminal;
  return {
    listen(event) {
      if (quiet && event.type !== "warning" && event.type !== "error") return;
      stderr.write(joinLines(shownLines(terminal, event)));
    },
    clear() {},
    close() {},
  };
}

function createLive(terminal: Terminal, now: () => number): Renderer {
  const { stderr } = terminal;
  const running = createInFlight(now());
  let waiting: string[] = [];
  let waitingSize = 0;
  let drawn: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Number.POSITIVE_INFINITY;
  let closed = false;

  function listen(event: Event): void {
    const lines = shownLines(terminal, event);
    if (closed) {
      stderr.write(joinLines(lines));
      return;
    }
    for (const line of lines) {
      waiting.push(line);
      waitingSize += line.length;
    }
    const changed = running.note(event, now());
    // What went wrong is on the screen before anything else can go wrong.
    if (event.type === "error" || event.type === "warning" || waitingSize > waitingChars) write([]);
    if (changed || lines.length > 0) schedule(drawMs);
  }

  function schedule(ms: number): void {
    const at = now() + ms;
    if (at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(draw, ms);
    // Drawing must not keep maand alive.
    timer.unref();
  }

  function draw(): void {
    due = Number.POSITIVE_INFINITY;
    // Drawings that wait for a stopped terminal would all be drawn when it goes on.
    if (stderr.behind) {
      schedule(tickMs);
      return;
    }
    const height = Math.max(1, (stderr.height() ?? 0) - 2);
    // One column stays free: a terminal may wrap a line that fills the last one.
    const width = Math.max(1, (stderr.width() ?? 0) - 1);
    write(running.lines(now(), width, height, stderr.paint));
    if (running.count() > 0) schedule(tickMs);
  }

  /** One write: the old live lines go, the waiting lines scroll by, the new live lines stand below them. */
  function write(live: string[]): void {
    const text = eraseLines(drawn, stderr.width() ?? 0) + joinLines(waiting) + joinLines(live);
    waiting = [];
    waitingSize = 0;
    drawn = live;
    stderr.write(text);
  }

  function clear(): void {
    clearTimeout(timer);
    due = Number.POSITIVE_INFINITY;
    write([]);
  }

  function close(): void {
    if (closed) return;
    closed = true;
    clear();
    process.removeListener("exit", close);
  }

  // A command that ends the process on its way must not leave live lines behind, nor keep lines to itself.
  process.once("exit", close);
  return { listen, clear, close };
}

function joinLines(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Moves to the first of the lines and clears from there on; lines drawn wider than `width` now take several rows. */
function eraseLines(lines: readonly string[], width: number): string {
  if (lines.length === 0) return "";
  let rows = 0;
  for (const line of lines) rows += width > 0 ? Math.max(1, Math.ceil(Bun.stringWidth(line) / width)) : 1;
  return `\r\x1b[${rows}A\x1b[J`;
}
