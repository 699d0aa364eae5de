// What a log line says about an event: the one table from events to log fields.

import { assertNever } from "../model/result.ts";
import type { AllocationStatus, Event, RunIdentity } from "./event.ts";
import type { LogFields, LogLevel } from "./logline.ts";

/** The levels of outcomes; `failed` is an error, what kept an allocation from being done is a warning. */
const outcomeLevels: Record<AllocationStatus, LogLevel> = {
  done: "INFO",
  skipped: "INFO",
  pending: "INFO",
  blocked: "WARN",
  not_reached: "WARN",
  interrupted: "WARN",
  failed: "ERROR",
};

/** What `event=` can say; output lines have none. */
export const logEvents = [
  "hook_begin",
  "hook_end",
  "step",
  "progress_begin",
  "progress_end",
  "progress_failed",
  "allocation",
  "deploy_skip",
  "reconcile_skip_stop",
  "warning",
  "error",
] as const;

/** What all lines of a run share, at the moment of the event. */
export interface LogContext extends RunIdentity {
  ts: string;
  seq?: number | undefined;
}

/** The fields of one event. Every event has exactly one line. `duration_ms` is rounded to whole milliseconds. */
export function logFieldsOf(event: Event, context: LogContext): LogFields {
  const { scope } = event;
  const own = ownFields(event);
  return {
    ts: context.ts,
    level: own.level ?? "INFO",
    run: context.runId,
    maand: context.command,
    worker: scope.worker,
    ...(context.seq === undefined ? {} : { seq: context.seq }),
    ...(scope.job === undefined ? {} : { job: scope.job }),
    ...(scope.phase === undefined ? {} : { phase: scope.phase }),
    ...(scope.action === undefined ? {} : { action: scope.action }),
    ...own,
  };
}

function ownFields(event: Event): Partial<LogFields> & { event?: (typeof logEvents)[number] } {
  switch (event.type) {
    case "command_begin":
      return { event: "hook_begin", cmd: event.cmd };
    case "output":
      return { stream: event.stream, msg: event.line };
    case "command_end":
      return { event: "hook_end", exit: event.exit, duration_ms: Math.round(event.durationMs) };
    case "step":
      return { event: "step", msg: event.text };
    case "progress": {
      if (event.state === "begin") return { event: "progress_begin", msg: event.text };
      if (event.ok === false) {
        const msg = event.reason === undefined ? event.text : `${event.text}: ${event.reason}`;
        return { event: "progress_failed", level: "WARN", msg };
      }
      return { event: "progress_end", msg: event.text };
    }
    case "allocation": {
      const msg = event.reason === undefined ? event.status : `${event.status}: ${event.reason}`;
      return { event: "allocation", level: outcomeLevels[event.status], msg };
    }
    case "deploy_skip":
    case "reconcile_skip_stop":
      return { event: event.type, msg: event.reason };
    case "warning":
      return { event: "warning", level: "WARN", msg: event.text };
    case "error":
      return { event: "error", level: "ERROR", msg: event.text };
    default:
      return assertNever(event, "event");
  }
}
