// What a command function is given and what it gives back.

import type { EventStream, RunIdentity } from "../events/event.ts";
import type { Session, Shutdown } from "../session/session.ts";
import type { Ending } from "./exit-codes.ts";
import type { Terminal } from "./output/terminal.ts";

/** What the flags say that every command takes. */
export interface Globals {
  bucket?: string;
  json: boolean;
  quiet: boolean;
  color: boolean;
  progress: boolean;
  /** Seconds to wait for another maand on the same bucket. */
  lockWaitSeconds: number;
}

/** One call of maand. */
export interface Invocation {
  globals: Globals;
  terminal: Terminal;
  events: EventStream;
  identity: RunIdentity;
  shutdown: Shutdown;
  workingDirectory: string;
  environment: Record<string, string | undefined>;
}

/** A call that works on a bucket. */
export interface BucketInvocation extends Invocation {
  session: Session;
}

/** What a command did: `text` for people or `json` for programs goes to standard output. */
export interface Outcome {
  /** Ends with a newline unless empty. */
  text?: string;
  /** Members of the JSON document beside `ok`, `command` and `run_id`. */
  json?: Record<string, unknown>;
  /** `done` when absent. */
  ending?: Ending;
}

/** How a command uses the bucket: not at all, reading beside a writer, or as its one writer. */
export type Access = "none" | "read" | "write";
