// What happens, as typed values: the terminal and the log files read this one stream (`--json` prints the command's outcome).

/** The parts of a run that a line can belong to. */
export const phases = [
  "reconcile",
  "rsync",
  "rollout",
  "hook",
  "run_command",
  "gc",
  "post_build",
  "validate",
  "job_control",
  "health",
  "collect",
] as const;
export type Phase = (typeof phases)[number];

/** Who and what an event is about; `worker` is "-" for the bucket itself. */
export interface Scope {
  worker: string;
  job?: string;
  phase?: Phase;
  action?: string;
}

/** How one allocation of a run came out. */
export type AllocationStatus =
  | "done"
  | "skipped"
  | "failed"
  | "blocked"
  | "not_reached"
  | "interrupted"
  | "pending";

export type Event =
  | { type: "command_begin"; scope: Scope; id: number; cmd: string }
  | { type: "output"; scope: Scope; id: number; stream: "stdout" | "stderr"; line: string }
  | { type: "command_end"; scope: Scope; id: number; exit: number; durationMs: number }
  /** A step of the run for the reader: `wave 0`, `connect`, `gate`. */
  | { type: "step"; scope: Scope; text: string }
  /** For the live view and the log; a failure (`ok` false, with its reason) is told to the reader by the command itself. */
  | { type: "progress"; scope: Scope; text: string; state: "begin" | "end"; ok?: boolean; reason?: string }
  | { type: "allocation"; scope: Scope; status: AllocationStatus; reason?: string }
  | { type: "deploy_skip" | "reconcile_skip_stop"; scope: Scope; reason: string }
  | { type: "warning"; scope: Scope; text: string }
  | { type: "error"; scope: Scope; text: string };

/** Which run all events of one process belong to. */
export interface RunIdentity {
  /** UUID of this run. */
  runId: string;
  /** The maand command, such as `deploy` or `job restart`. */
  command: string;
}

export type Listener = (event: Event) => void;

/** The stream: `emit` calls every listener at once, in the order in which they subscribed. */
export interface EventStream {
  emit(event: Event): void;
  subscribe(listener: Listener): void;
  /** A number that ties the begin, output and end of one remote or hook command together. */
  nextId(): number;
}

/** A new stream without listeners. */
export function createEventStream(): EventStream {
  const listeners: Listener[] = [];
  let last = 0;
  return {
    emit(event) {
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.push(listener);
    },
    nextId() {
      last += 1;
      return last;
    },
  };
}
