// Standard error that never keeps maand waiting: what its reader does not take is held for a while, and then left out.

import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from "node:fs";
import { followDescriptor } from "../../hooks/runtime/descriptors.ts";
import { countOf } from "../../support/plural.ts";
import { openStream, type TextStream } from "./stream.ts";

/** Bytes held for a reader who is behind. */
const holdBytes = 1024 * 1024;
const tryAgainMs = 50;
/** How long the end of a command waits for a reader who takes nothing at all. */
const patienceMs = 3000;

/**
 * As `openStream`, but a write to a terminal (Ctrl-S, a dead line) or to a pipe that nobody reads does not wait: work on
 * workers must not stand still for it. The log has every line. A socket is written as before; journald reads those.
 */
export function openPatientStream(fd: 2): TextStream {
  const plain = openStream(fd);
  // While hooks run in this process the stream may be moved out of their way.
  const descriptor = followDescriptor(fd);
  const held: Buffer[] = [];
  let heldBytes = 0;
  let dropped = 0;
  let droppedEver = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  let own: number | "plain" | undefined;
  let broken: unknown;

  /** Takes as much of what is held as the reader has room for; throws the system's error. */
  function pump(to: number): boolean {
    let moved = false;
    for (let first = held[0]; first !== undefined; first = held[0]) {
      const size = writeSome(to, first);
      if (size === 0) break;
      moved = true;
      heldBytes -= size;
      if (size === first.length) held.shift();
      else held[0] = first.subarray(size);
    }
    if (held.length === 0 && dropped > 0) {
      const lines = dropped;
      dropped = 0;
      hold(
        Buffer.from(`${countOf(lines, "line")} not shown, nobody read them: maand logs show --run last\n`),
      );
      return pump(to) || moved;
    }
    if (held.length === 0) {
      clearInterval(timer);
      timer = undefined;
    } else timer ??= setInterval(() => pumpLater(to), tryAgainMs).unref();
    return moved;
  }

  function pumpLater(to: number): void {
    try {
      pump(to);
    } catch (thrown) {
      giveUp(thrown);
    }
  }

  function giveUp(thrown: unknown): void {
    broken = thrown;
    held.length = 0;
    heldBytes = 0;
    clearInterval(timer);
  }

  function hold(bytes: Buffer): void {
    held.push(bytes);
    heldBytes += bytes.length;
  }

  return {
    get isTty() {
      return plain.isTty;
    },
    size: () => plain.size(),
    get behind() {
      return held.length > 0;
    },
    get hasDropped() {
      return droppedEver;
    },
    write(text) {
      if (broken !== undefined) throw broken;
      own ??= openWithoutWaiting(descriptor());
      if (own === "plain") return plain.write(text);
      const bytes = Buffer.from(text, "utf8");
      if (heldBytes + bytes.length > holdBytes && held.length > 0) {
        dropped += text.split("\n").length - 1;
        droppedEver = true;
        return;
      }
      hold(bytes);
      pump(own);
    },
    settle() {
      if (typeof own !== "number") return;
      // Where results follow on the same pipe or terminal, they wait for the reader in any case, and come last.
      const limit = isSameFile(own, followDescriptor(1)()) ? Number.POSITIVE_INFINITY : patienceMs;
      let since = performance.now();
      while (broken === undefined && held.length > 0) {
        try {
          if (pump(own)) since = performance.now();
          else if (performance.now() - since < limit) Bun.sleepSync(5);
          else giveUp(new Error("nobody reads it"));
        } catch (thrown) {
          giveUp(thrown);
        }
      }
    },
  };
}

/**
 * The same pipe or terminal once more: only an open file of our own may be set not to wait, the other is shared with the
 * shell and with every program that runs there.
 */
function openWithoutWaiting(fd: number): number | "plain" {
  let opened: number | undefined;
  try {
    const status = fstatSync(fd);
    if (!status.isFIFO() && !status.isCharacterDevice()) return "plain";
    opened = openSync(
      `/proc/self/fd/${fd}`,
      constants.O_WRONLY | constants.O_NONBLOCK | (constants.O_NOCTTY ?? 0),
    );
    if (isSame(fstatSync(opened), status)) return opened;
    closeSync(opened);
  } catch {
    // No /proc, or a terminal that belongs to somebody else (su, sudo).
    if (opened !== undefined) closeSync(opened);
  }
  return "plain";
}

function isSameFile(one: number, other: number): boolean {
  try {
    return isSame(fstatSync(one), fstatSync(other));
  } catch {
    return false;
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.rdev === other.rdev;
}

/** Bytes written; 0 where the reader has no room. */
function writeSome(fd: number, bytes: Buffer): number {
  for (;;) {
    try {
      return writeSync(fd, bytes);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === "EAGAIN") return 0;
      if (code !== "EINTR") throw thrown;
    }
  }
}
