// What a hook's thread tells the maand around it, and the data it is started with.

import type { MessagePort } from "node:worker_threads";

export type OutputName = "stdout" | "stderr";

export type ThreadMessage =
  | { kind: "output"; stream: OutputName; bytes: Uint8Array }
  /** The default export has returned, or there is none; something may still be pending. */
  | { kind: "returned" }
  /** It threw: the text to show, see `describeThrown`. */
  | { kind: "failed"; text: string };

export interface ThreadData {
  /** Absolute path of the hook's script. */
  file: string;
  port: MessagePort;
  /** One Int32: bytes of output that were sent and not yet taken. */
  unread: SharedArrayBuffer;
  /** One BigInt64: bytes of output beyond `maxOutputBytes`, which are not sent at all. */
  unsent: SharedArrayBuffer;
}

/** Bytes of output per invocation that are shown and logged; a hook that prints more is heard no further. */
export const maxOutputBytes = 16 * 1024 * 1024;

/** Bytes of output that a thread may have under way before it has to wait for us to take them. */
export const unreadLimit = 1024 * 1024;
