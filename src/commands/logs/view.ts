// Log records for people: grouped by the command they belong to.

import { formatDuration } from "../../cli/output/duration.ts";
import { scopeLabel } from "../../cli/output/event-lines.ts";
import type { Paint } from "../../cli/output/paint.ts";
import type { LogFields } from "../../events/logline.ts";
import { visible } from "../../support/visible.ts";

/** Characters and groups kept back so that the lines of commands that ran side by side can be told apart. */
const heldChars = 16 * 1024 * 1024;
const heldGroups = 10_000;

export interface LogView {
  /** The text that can be shown after this record: whole lines, often none yet. */
  add(fields: LogFields): string;
  /** The text of all that was kept back. */
  end(): string;
}

/** Consecutive lines of one run, worker, job, phase and action; `open` counts the commands without an end. */
interface Group {
  key: string;
  run: string;
  text: string[];
  open: number;
}

/**
 * Groups in the order of their beginnings: a command's lines stand together, though others ran at the same
 * time. A log line does not say which of two commands it belongs to when both ran at once for the same job,
 * worker, phase and action; their lines share a group. With `live` nothing is kept back: each line comes at
 * once, under a new heading whenever the group changes.
 */
export function createLogView(paint: Paint, live: boolean): LogView {
  return live ? createLiveView(paint) : createGroupedView(paint);
}

function createLiveView(paint: Paint): LogView {
  let last: string | undefined;
  return {
    add(fields) {
      if (isBeginning(fields)) return "";
      const key = keyOf(fields);
      const head = key === last ? "" : `${last === undefined ? "" : "\n"}${heading(fields, paint)}`;
      last = key;
      return head + body(fields, paint);
    },
    end: () => "",
  };
}

function createGroupedView(paint: Paint): LogView {
  const queue = new Set<Group>();
  const open = new Map<string, Group>();
  let newest: Group | undefined;
  let held = 0;
  let first = true;

  function groupFor(fields: LogFields): Group {
    const key = keyOf(fields);
    const running = open.get(key);
    if (running !== undefined) return running;
    // Lines outside any command go on with the group before them when it is of the same kind.
    if (newest?.key === key && newest.open === 0 && fields.event !== "hook_begin" && queue.has(newest))
      return newest;
    newest = { key, run: fields.run, text: [heading(fields, paint)], open: 0 };
    queue.add(newest);
    return newest;
  }

  function add(fields: LogFields): string {
    if (isBeginning(fields)) return "";
    let out = "";
    if (fields.event === "hook_begin") out += closeOtherRuns(fields.run);
    const group = groupFor(fields);
    const text = body(fields, paint);
    group.text.push(text);
    held += text.length;
    if (fields.event === "hook_begin") {
      group.open += 1;
      open.set(group.key, group);
    } else if (fields.event === "hook_end" && group.open > 0) {
      group.open -= 1;
      if (group.open === 0) open.delete(group.key);
    }
    return out + release();
  }

  // Only one maand writes at a time, so a command of another run has no more lines once a new one begins.
  function closeOtherRuns(run: string): string {
    for (const group of open.values()) if (group.run !== run) close(group);
    return release();
  }

  function close(group: Group): void {
    group.open = 0;
    open.delete(group.key);
  }

  function release(): string {
    let out = "";
    for (const group of queue) {
      const tooMuch = held > heldChars || queue.size > heldGroups;
      if (group.open > 0 && !tooMuch) break;
      // The newest may still grow by lines outside any command.
      if (group === newest && !tooMuch) break;
      out += print(group);
    }
    return out;
  }

  function print(group: Group): string {
    close(group);
    queue.delete(group);
    const text = group.text.join("");
    held -= text.length;
    const before = first ? "" : "\n";
    first = false;
    return before + text;
  }

  return {
    add,
    end() {
      let out = "";
      for (const group of queue) out += print(group);
      return out;
    },
  };
}

/** That a check or a connection was begun is for machines; people read how it ended. */
function isBeginning(fields: LogFields): boolean {
  return fields.event === "progress_begin";
}

function keyOf(fields: LogFields): string {
  return JSON.stringify([fields.run, fields.worker, fields.job, fields.phase, fields.action]);
}

function heading(fields: LogFields, paint: Paint): string {
  const time = visible(fields.ts.slice(0, 19).replace("T", " "));
  const seq = fields.seq === undefined ? "" : `  seq=${fields.seq}`;
  const top = `${time}  ${visible(fields.maand)}${seq}  run=${visible(fields.run.slice(0, 8))}`;
  const parts = [fields.phase, fields.action].flatMap((part) => (part === undefined ? [] : [visible(part)]));
  if (fields.worker !== "-" || fields.job !== undefined) parts.push(scopeLabel(scopeOf(fields)));
  return `${paint.bold(top)}\n${parts.length === 0 ? "" : `  ${parts.join("  ")}\n`}`;
}

function scopeOf(fields: LogFields): { worker: string; job?: string } {
  return { worker: fields.worker, ...(fields.job === undefined ? {} : { job: fields.job }) };
}

function body(fields: LogFields, paint: Paint): string {
  const msg = fields.msg ?? "";
  if (fields.event === "hook_begin") return `  $ ${visible(fields.cmd ?? "")}\n`;
  if (fields.event === "hook_end") {
    const exit = fields.exit ?? 0;
    const took = fields.duration_ms === undefined ? "" : `  ${formatDuration(fields.duration_ms)}`;
    return `  ${exit === 0 ? paint.green("ok") : paint.red("failed")}  exit=${exit}${took}\n`;
  }
  if (fields.stream !== undefined)
    return `  ${paint.cyan(scopeLabel(scopeOf(fields)))} | ${visible(msg.replace(/[\r\n]+$/, ""))}\n`;
  if (fields.event === "progress_end") return `  ${paint.green("ok")}  ${visible(msg)}\n`;
  if (fields.event === "progress_failed") return `  ${paint.red("failed")}  ${visible(msg)}\n`;
  const known = fields.event !== undefined && selfEvident.has(fields.event);
  const name = fields.event === undefined || known ? "" : `${visible(fields.event)}: `;
  const text = msg.split(/\r?\n/).map(visible).join("\n    ");
  if (fields.level === "ERROR") return `  ${paint.red(`error: ${name}${text}`)}\n`;
  if (fields.level === "WARN") return `  ${paint.yellow(`warning: ${name}${text}`)}\n`;
  return `  ${name}${text}\n`;
}

/** Events whose name says no more than their level or their text does. */
const selfEvident: ReadonlySet<string> = new Set(["warning", "error", "step", "allocation"]);
