// What is running now, worker by worker: the lines at the bottom of a terminal.

import type { Event, Scope } from "../../events/event.ts";
import { visible } from "../../events/visible.ts";
import { formatElapsed } from "./duration.ts";
import type { Paint } from "./paint.ts";
import { cutText } from "./table.ts";

interface Task {
  worker: string;
  label: string;
  /** What an end must name to be this task's end; commands use their number instead. */
  key: string;
  text: string;
  /** Milliseconds of the clock that the caller uses. */
  since: number;
}

export interface InFlight {
  /** Takes note of an event; true when what is running has changed. */
  note(event: Event, now: number): boolean;
  /** Number of tasks running. */
  count(): number;
  /**
   * One line per worker, the longest-running first, after a line with the last step, the number of workers and the
   * time since `start`. Each line fits in `width` columns; there are at most `height` lines. None when idle.
   */
  lines(now: number, width: number, height: number, paint: Paint): string[];
}

/** An empty table of running things; `start` is when the run began, on the same clock as `now`. */
export function createInFlight(start: number): InFlight {
  const tasks = new Map<number | symbol, Task>();
  let step = "";

  function note(event: Event, now: number): boolean {
    const { scope } = event;
    switch (event.type) {
      case "step":
        step = visible(event.text.split("\n", 1)[0]!);
        return true;
      case "command_begin":
        tasks.set(event.id, {
          ...taskOf(scope, scope.action ?? scope.phase ?? event.cmd, now),
          key: "",
          text: "",
        });
        return true;
      case "command_end":
        return tasks.delete(event.id);
      case "progress":
        if (event.state === "end") return endProgress(keyOf(scope), event.text);
        tasks.set(Symbol(), { ...taskOf(scope, event.text, now), key: keyOf(scope), text: event.text });
        return true;
      default:
        return false;
    }
  }

  // The end of a progress may be worded otherwise than its beginning; then the oldest of its scope has ended.
  function endProgress(key: string, text: string): boolean {
    let oldest: number | symbol | undefined;
    for (const [id, task] of tasks) {
      if (task.key !== key) continue;
      if (task.text === text) return tasks.delete(id);
      oldest ??= id;
    }
    return oldest !== undefined && tasks.delete(oldest);
  }

  function lines(now: number, width: number, height: number, paint: Paint): string[] {
    if (tasks.size === 0 || height < 1) return [];
    const workers = new Map<string, Task[]>();
    for (const task of tasks.values()) {
      const known = workers.get(task.worker);
      if (known === undefined) workers.set(task.worker, [task]);
      else known.push(task);
    }
    const summary = [step, `${workers.size} in flight`, formatElapsed(now - start)].filter((t) => t !== "");
    const drawn = [paint.dim(cutText(summary.join(" · "), width))];
    if (height === 1) return drawn;
    const all = [...workers];
    const room = height - 1;
    const shown = all.length <= room ? all : all.slice(0, room - 1);
    const labelWidth = Math.max(0, ...shown.map(([worker]) => Bun.stringWidth(worker)));
    for (const [worker, own] of shown) {
      const what = [...new Set(own.map((task) => task.label))].join(", ");
      const head = worker + " ".repeat(labelWidth - Bun.stringWidth(worker));
      drawn.push(workerLine(head, what, formatElapsed(now - own[0]!.since), width, paint));
    }
    if (shown.length < all.length)
      drawn.push(paint.dim(cutText(`  and ${all.length - shown.length} more`, width)));
    return drawn;
  }

  return { note, count: () => tasks.size, lines };
}

function workerLine(worker: string, what: string, elapsed: string, width: number, paint: Paint): string {
  const room = width - 2 - Bun.stringWidth(worker) - 2 - 2 - elapsed.length;
  if (room < 4) return cutText(`  ${worker} ${elapsed}`, width);
  return `  ${paint.cyan(worker)}  ${cutText(what, room)}  ${paint.dim(elapsed)}`;
}

function taskOf(scope: Scope, doing: string, now: number): Pick<Task, "worker" | "label" | "since"> {
  const what = visible(doing.split("\n", 1)[0]!);
  return {
    worker: scope.worker === "-" ? "maand" : visible(scope.worker),
    label: scope.job === undefined ? what : `${visible(scope.job)} ${what}`,
    since: now,
  };
}

function keyOf(scope: Scope): string {
  return JSON.stringify([scope.worker, scope.job, scope.phase, scope.action]);
}
