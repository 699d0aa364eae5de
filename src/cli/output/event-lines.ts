// One event as lines for people: what scrolls by on standard error.

import type { AllocationStatus, Event, Scope } from "../../events/event.ts";
import { visible } from "../../events/visible.ts";
import type { Paint } from "./paint.ts";

/** `job@worker`, `worker`, `job` or `maand`: who a line is about. */
export function scopeLabel(scope: Pick<Scope, "worker" | "job">): string {
  if (scope.worker === "-") return visible(scope.job ?? "maand");
  return visible(scope.job === undefined ? scope.worker : `${scope.job}@${scope.worker}`);
}

/** Statuses that scroll by. What was skipped or never begun is in the log and in the command's summary. */
const outcomePaint: Partial<Record<AllocationStatus, "green" | "yellow" | "red">> = {
  done: "green",
  failed: "red",
  blocked: "yellow",
  not_reached: "yellow",
  interrupted: "yellow",
};

/**
 * The lines of an event without newlines; none for events that are not worth a line (beginnings, ends,
 * skips, progress). A carriage return at the end of remote output is not shown; every other control character is.
 */
export function eventLines(event: Event, paint: Paint): string[] {
  const label = scopeLabel(event.scope);
  switch (event.type) {
    case "output":
      return [`${paint.cyan(label)} | ${visible(event.line.replace(/[\r\n]+$/, ""))}`];
    case "step":
      return paragraph(isBucket(event.scope) ? "" : `${label}: `, event.text, paint.bold);
    case "allocation": {
      const color = outcomePaint[event.status];
      if (color === undefined) return [];
      const reason = event.reason === undefined ? "" : `: ${event.reason}`;
      return paragraph(`${label}: `, outcomeWord(event) + reason, paint[color]);
    }
    case "warning":
      return paragraph(`warning: ${isBucket(event.scope) ? "" : `${label}: `}`, event.text, paint.yellow);
    case "error":
      return paragraph(`error: ${isBucket(event.scope) ? "" : `${label}: `}`, event.text, paint.red);
    default:
      return [];
  }
}

/** What was done to what is no longer wanted; a rollout's end is `done`, which its step has announced. */
const endWords: Readonly<Record<string, string>> = { stop: "stopped", remove: "removed", gc: "purged" };

function outcomeWord({ scope, status }: Extract<Event, { type: "allocation" }>): string {
  const ends = status === "done" && (scope.phase === "reconcile" || scope.phase === "gc");
  return (ends ? endWords[scope.action ?? ""] : undefined) ?? status.replace("_", " ");
}

function isBucket(scope: Scope): boolean {
  return scope.worker === "-" && scope.job === undefined;
}

/** Text of several lines keeps them, the later ones indented, so that none can pass for a line of ours. */
function paragraph(prefix: string, text: string, color: (text: string) => string): string[] {
  const lines = text.replace(/[\r\n]+$/, "").split(/\r?\n/);
  return lines.map((line, index) => color(index === 0 ? prefix + visible(line) : `  ${visible(line)}`));
}
