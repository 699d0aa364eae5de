// Pins: host keys that are recorded in secrets/known_hosts at first contact. A host has one.

import { type FileHandle, open } from "node:fs/promises";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { Endpoint } from "../connect/settings.ts";
import { changedKey, recordName } from "./host-keys.ts";
import { judgeHostKey, knownHostLine, parseKnownHosts } from "./known-hosts.ts";

/** A key that waits to be written, and who waits for it. */
interface Pin {
  host: string;
  port: number;
  key: Buffer;
  worker: string;
  /** Whether it was written (it may be there already), or why not. */
  settle(outcome: boolean | MaandError): void;
}

/** The write in progress, by file. */
const writing = new Map<string, Promise<void>>();

/** What waits for the write in progress, by file; one writer per file and process. */
const pending = new Map<string, Pin[]>();

/**
 * Adds the key to `known_hosts` (mode 0600) and resolves when it is on disk: with false when it was there already.
 * Keys that arrive together are written together; each batch is one append, so neither a second writer nor a crash
 * can lose or tear a line. Rejects with "unreachable" for a host that has got another key meanwhile, with "local" when
 * the file cannot be written.
 */
export function pinHostKey(file: string, endpoint: Endpoint, key: Buffer, worker: string): Promise<boolean> {
  const { host, port } = recordName(endpoint);
  return new Promise((resolve, reject) => {
    const settle = (outcome: boolean | MaandError) =>
      outcome instanceof MaandError ? reject(outcome) : resolve(outcome);
    const pin = { host, port, key, worker, settle };
    const waiting = pending.get(file);
    if (waiting !== undefined) waiting.push(pin);
    else {
      pending.set(file, [pin]);
      void writeNext(file);
    }
  });
}

async function writeNext(file: string): Promise<void> {
  // Let the handshakes that finish in the same turn join this batch.
  await new Promise<void>((resolve) => setImmediate(resolve));
  await writing.get(file);
  const pins = pending.get(file)!;
  pending.delete(file);
  const write = append(file, pins);
  writing.set(file, write);
  await write;
}

/** Settles every pin; never rejects. */
async function append(file: string, pins: readonly Pin[]): Promise<void> {
  try {
    const handle = await open(file, "a+", 0o600);
    try {
      await handle.chmod(0o600);
      const outcomes = await appendLines(handle, file, pins);
      for (const [index, pin] of pins.entries()) pin.settle(outcomes[index]!);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const error = new MaandError("local", "a host key could not be recorded", {
      where: { file },
      why: reasonOf(cause),
      hint: "make the file writable and see that the disk has space left",
      cause,
    });
    for (const pin of pins) pin.settle(error);
  }
}

async function appendLines(
  handle: FileHandle,
  file: string,
  pins: readonly Pin[],
): Promise<(boolean | MaandError)[]> {
  const before = await handle.readFile("utf8");
  let added = before === "" || before.endsWith("\n") ? "" : "\n";
  const outcomes = pins.map(({ host, port, key, worker }) => {
    // What was decided when the key was shown may be out of date: another worker or process may have pinned since.
    const judged = judgeHostKey(parseKnownHosts(before + added, file), host, port, key);
    if (judged.verdict === "changed") return changedKey(judged, key, worker);
    if (judged.verdict === "known") return false;
    added += `${knownHostLine(host, port, key)}\n`;
    return true;
  });
  if (!outcomes.includes(true)) return outcomes;
  const data = Buffer.from(added);
  const { bytesWritten } = await handle.write(data);
  if (bytesWritten < data.length) {
    const { size } = await handle.stat();
    await handle.truncate(size - bytesWritten);
    throw new Error("the disk is full");
  }
  await handle.sync();
  return outcomes;
}
