// Pins: host keys that are recorded in secrets/known_hosts at first contact.

import { open } from "node:fs/promises";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { Endpoint } from "../connect/settings.ts";
import { recordName } from "./host-keys.ts";
import { knownHostLine } from "./known-hosts.ts";

/** The write in progress, by file. */
const writing = new Map<string, Promise<void>>();

/** Lines that wait for the write in progress, by file; one writer per file and process. */
const pending = new Map<string, { lines: Set<string>; done: Promise<void> }>();

/**
 * Adds the key to `known_hosts` (mode 0600) and returns when it is on disk. Keys that arrive together are written
 * together; each batch is one append, so neither a second writer nor a crash can lose or tear a line.
 */
export function pinHostKey(file: string, endpoint: Endpoint, key: Buffer): Promise<void> {
  const { host, port } = recordName(endpoint);
  const line = knownHostLine(host, port, key);
  const waiting = pending.get(file);
  if (waiting !== undefined) {
    waiting.lines.add(line);
    return waiting.done;
  }
  const lines = new Set([line]);
  const done = (async () => {
    // Let the handshakes that finish in the same turn join this batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    await (writing.get(file) ?? Promise.resolve()).catch(() => undefined);
    pending.delete(file);
    const write = appendLines(file, [...lines]);
    writing.set(file, write);
    await write;
  })();
  pending.set(file, { lines, done });
  return done;
}

async function appendLines(file: string, lines: string[]): Promise<void> {
  try {
    const handle = await open(file, "a+", 0o600);
    try {
      await handle.chmod(0o600);
      const text = await handle.readFile("utf8");
      const known = new Set(text.split("\n"));
      const fresh = lines.filter((l) => !known.has(l));
      if (fresh.length === 0) return;
      const start = text === "" || text.endsWith("\n") ? "" : "\n";
      const data = Buffer.from(`${start}${fresh.join("\n")}\n`);
      const { bytesWritten } = await handle.write(data);
      if (bytesWritten < data.length) {
        const { size } = await handle.stat();
        await handle.truncate(size - bytesWritten);
        throw new Error("the disk is full");
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new MaandError("local", "a host key could not be recorded", {
      where: { file },
      why: reasonOf(cause),
      hint: "make the file writable and see that the disk has space left",
      cause,
    });
  }
}
