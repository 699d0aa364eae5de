// What every way of running a hook has in common: what goes in, what comes out.

import type { OutputName } from "./messages.ts";

export interface RuntimeRequest {
  /** Absolute path of the script. */
  file: string;
  /** The whole environment. */
  environment: Record<string, string>;
  /** The working directory of what runs in a process of its own. */
  workingDirectory: string;
  onOutput(stream: OutputName, bytes: Uint8Array): void;
  /** Output that was dropped where it was made, in bytes; a thread's is bounded there. */
  onDropped(bytes: number): void;
  /** Ends the hook at once when aborted. */
  kill: AbortSignal;
  /** The hook uses more memory than it may; the caller ends it. */
  onTooMuchMemory(): void;
  /** MiB; see memory.ts. */
  memoryLimitMb: number;
}

export interface RuntimeEnd {
  /** Exit status; undefined when it was ended by a signal. */
  status: number | undefined;
  /** Name of the signal that ended it. */
  signal?: string;
  /** What a script threw, with its stack, when the runtime knows. */
  thrown?: string;
  /** The script's default export had returned when it ended; only known of threads. */
  returned: boolean;
  /** It could not be ended and is left behind without a token. */
  abandoned: boolean;
  /** Processes that it had started, that were still there after its end, and that were ended. */
  leftBehind: number;
}
