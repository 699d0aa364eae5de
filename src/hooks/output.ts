// What a hook prints: cut into lines, freed of the secrets it was given, bounded, its last lines kept for the error.

import { createLineSplitter } from "../ssh/exec/capture.ts";
import { maxOutputBytes, type OutputName } from "./runtime/messages.ts";

/** Lines for the error, as many as of a Makefile target. */
const keptLines = 20;
/** Shorter texts are found in ordinary words, and hiding those would hide nothing. */
const shortestSecret = 4;

export interface HookOutput {
  push(stream: OutputName, bytes: Uint8Array): void;
  /** Counts output that was dropped before it came here. */
  drop(bytes: number): void;
  /** From now on the text is shown as `***`; every line of a text of several lines is. */
  hide(secret: string): void;
  /** Shows text that is not of the hook itself, line by line, secrets hidden; it is none of its last lines. */
  tell(text: string): void;
  /** Text with all secrets hidden. */
  masked(text: string): string;
  /** Ends the last lines; what comes afterwards is dropped. */
  close(): void;
  /** The last lines, oldest first. */
  lastLines(): string[];
}

/** @param onLine hears each line once it is complete */
export function createHookOutput(onLine: (stream: OutputName, line: string) => void): HookOutput {
  /** Longest first: one may be part of another. */
  let secrets: string[] = [];
  const last: string[] = [];
  let bytes = 0;
  let dropped = 0;
  let closed = false;

  const masked = (text: string): string => {
    let shown = text;
    for (const secret of secrets) if (shown.includes(secret)) shown = shown.replaceAll(secret, "***");
    return shown;
  };
  const emit = (stream: OutputName, line: string): void => {
    const shown = masked(line);
    last.push(shown);
    if (last.length > keptLines) last.shift();
    onLine(stream, shown);
  };
  const splitters = {
    stdout: createLineSplitter((line) => emit("stdout", line)),
    stderr: createLineSplitter((line) => emit("stderr", line)),
  };
  return {
    push(stream, chunk) {
      if (closed) return;
      const room = maxOutputBytes - bytes;
      bytes += Math.min(room, chunk.length);
      dropped += Math.max(0, chunk.length - room);
      if (room > 0) splitters[stream].push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    },
    drop(count) {
      dropped += count;
    },
    hide(secret) {
      const lines = secret.split("\n").filter((line) => line.trim().length >= shortestSecret);
      secrets = [...new Set([...secrets, ...lines])].sort((a, b) => b.length - a.length);
    },
    tell(text) {
      for (const line of masked(text).split("\n")) onLine("stderr", line);
    },
    masked,
    close() {
      if (closed) return;
      closed = true;
      splitters.stdout.end();
      splitters.stderr.end();
      if (dropped > 0) emit("stderr", `maand: ${dropped} bytes of further output of this hook are not shown`);
    },
    lastLines: () => [...last],
  };
}
