// Why a hook failed, in the operator's words: what, the line of the user's own file, the last output, what to do.

import type { ErrorDetails, Place } from "../model/error.ts";
import { MaandError } from "../model/error.ts";
import type { HookEvent } from "../model/manifest.ts";
import { assertNever, type Result } from "../model/result.ts";
import type { RuntimeEnd } from "./runtime/run.ts";

/** Why a hook was ended by maand. */
export type Ended =
  | { by: "time"; seconds: number }
  | { by: "memory"; limitMb: number }
  /** Ctrl-C, or the run is over. */
  | { by: "interrupt" };

export interface InvocationEnd {
  event: HookEvent;
  hook: string;
  job: string;
  workerIp: string;
  /** Directory in which the hook's files were laid out for this invocation. */
  laidOutIn: string;
  /** Where the user knows these files, relative to the bucket root: `workspace/jobs/<job>/_hooks`. */
  knownAs: string;
  end: RuntimeEnd;
  ended?: Ended | undefined;
  /** The last lines of its output, secrets hidden. */
  lastLines: readonly string[];
  /** Hides secrets. */
  masked(text: string): string;
}

/** How an invocation came out: well only when it ended by itself, threw nothing and left with status 0. */
export function judgeInvocation(input: InvocationEnd): Result<void> {
  const { end, ended } = input;
  if (ended === undefined && end.thrown === undefined && end.status === 0)
    return { ok: true, value: undefined };
  // A thread tells what was thrown; a process has printed it.
  const trace = end.thrown === undefined ? input.lastLines.join("\n") : input.masked(end.thrown);
  const place = placeIn(trace, input.laidOutIn, input.knownAs);
  const where: Place = { ...(ended === undefined ? place : {}), job: input.job, worker: input.workerIp };
  const printed = end.thrown === undefined ? [] : input.lastLines;
  const why = [trace, ...(printed.length === 0 ? [] : ["the last lines that it printed:", ...printed])]
    .join("\n")
    .replaceAll(input.laidOutIn, input.knownAs)
    .trim();
  const details: ErrorDetails = { where, ...(why === "" ? {} : { why }), hint: hintFor(input) };
  const kind = ended?.by === "interrupt" ? "interrupted" : "hook";
  const error = new MaandError(kind, `hook ${input.hook} ${whatOf(input)} (${input.event})`, details);
  return { ok: false, error };
}

function whatOf({ end, ended }: InvocationEnd): string {
  const stuck = end.abandoned ? " and could not be ended: it goes on until maand ends" : "";
  switch (ended?.by) {
    case "time":
      return `did not end within ${ended.seconds} s${stuck}`;
    case "memory":
      return `used more than ${ended.limitMb} MiB of memory and was ended${stuck}`;
    case "interrupt":
      return `was interrupted${stuck}`;
    case undefined:
      if (end.thrown !== undefined) return "failed";
      if (end.signal !== undefined) return `was ended by ${end.signal}`;
      return `ended with status ${end.status}`;
    default:
      return assertNever(ended, "end of a hook");
  }
}

function hintFor({ end, ended, event, hook, job }: InvocationEnd): string {
  switch (ended?.by) {
    case "time":
      return end.returned
        ? "it had returned, but a timer or a connection that it left open kept it alive: close it, or call process.exit()"
        : "find out what it waits for, or raise command_timeout in maand.conf";
    case "memory":
      return "work in smaller pieces, or set MAAND_HOOK_MEMORY_MB in the environment of maand";
    case "interrupt":
      return "run the command again to go on";
    case undefined:
      break;
    default:
      return assertNever(ended, "end of a hook");
  }
  const again =
    event === "cli" ? `run maand hooks ${hook} ${job} again` : "run maand build and the command again";
  return `fix the hook, then ${again}`;
}

/**
 * The place in the user's files that a stack or traceback points at: the first frame of JavaScript, the last one of
 * Python, each the frame closest to the fault that lies in the user's own files.
 */
function placeIn(trace: string, laidOutIn: string, knownAs: string): Place {
  const python = [...trace.matchAll(/File "([^"\n]+)", line (\d+)/g)].filter((match) =>
    match[1]!.startsWith(`${laidOutIn}/`),
  );
  const deepest = python.at(-1);
  if (deepest !== undefined) {
    return { file: `${knownAs}${deepest[1]!.slice(laidOutIn.length)}`, line: Number(deepest[2]) };
  }
  for (let at = trace.indexOf(`${laidOutIn}/`); at >= 0; at = trace.indexOf(`${laidOutIn}/`, at + 1)) {
    const match = /^([^\n:()]+):(\d+)(?::(\d+))?/.exec(trace.slice(at + laidOutIn.length));
    if (match === null) continue;
    const place = { file: `${knownAs}${match[1]}`, line: Number(match[2]) };
    return match[3] === undefined ? place : { ...place, column: Number(match[3]) };
  }
  return {};
}

/** The errors of several invocations as one; undefined when there is none. */
export function combineFailures(errors: readonly MaandError[]): MaandError | undefined {
  const [first] = errors;
  if (first === undefined || errors.length === 1) return first;
  const lines = errors.map((error) => {
    const who = error.where.worker ?? "";
    const why = error.why?.split("\n")[0];
    return `${who}: ${error.message}${why === undefined ? "" : `: ${why}`}`;
  });
  const kind = errors.every((error) => error.kind === "interrupted") ? "interrupted" : "hook";
  return new MaandError(kind, `${errors.length} hook invocations failed`, {
    ...(first.where.job === undefined ? {} : { where: { job: first.where.job } }),
    why: lines.join("\n"),
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    cause: first,
  });
}
