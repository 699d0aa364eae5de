// The probe of a file: the command that asks a worker for it, and what the answer means.

import type { Probe } from "../model/manifest.ts";
import { failed, passed, type Verdict } from "../model/result.ts";
import { runScript, type ShellText, script } from "../ssh/exec/quote.ts";
import probeFile from "./file-probe.sh" with { type: "text" };

export type FileProbe = Extract<Probe, { type: "file" }>;

/** MiB up to which a file is searched for a text: what a worker reads within the time of a probe, also when it is small. */
const searchedMib = 16;
const searchedBytes = searchedMib * 1024 * 1024;

/** Begins every line of the answer, so that a chatty login shell cannot be taken for it. */
const marker = "maand-file";

/** Asks for the file, with the rights of whoever runs it; `readFileProbe` reads the answer. */
export function fileProbeCommand(probe: FileProbe, jobDirectory: string): ShellText {
  const search = probe.contains === undefined ? [] : [probe.contains, String(searchedBytes)];
  return runScript("sh", script(probeFile), jobDirectory, probe.path, search);
}

/** What `file-probe.sh` says instead of facts, in words that follow the path. */
const refusals: ReadonlyMap<string, string> = new Map([
  ["no-job", "cannot be looked at: the job's directory is not there, or may not be entered"],
  ["missing", "does not exist"],
  ["dangling", "is a link to something that does not exist"],
  ["outside", "leads out of the job's directory, and is not followed"],
  ["directory", "is a directory, not a file"],
  ["special", "is no regular file"],
  ["unreadable", "cannot be read by the user that asks for it"],
]);

/** Reads what the script of `fileProbeCommand` said. An answer without facts never passes. */
export function readFileProbe(
  probe: FileProbe,
  answer: { exitCode: number; stdout: string; stderr: string },
): Verdict {
  const { path, maxAgeSeconds, contains } = probe;
  let facts: string[] | undefined;
  let found: boolean | undefined;
  for (const line of answer.stdout.split("\n")) {
    const [begin, word = "", ...values] = line.split(" ");
    if (begin !== marker) continue;
    const refusal = refusals.get(word);
    if (refusal !== undefined) return failed(`${path} ${refusal}`);
    if (word === "facts") facts = values;
    else if (word === "with") found = true;
    else if (word === "without") found = false;
  }
  if (facts === undefined) {
    // Only what went wrong there: the script itself writes nothing to it.
    const said = answer.stderr.trim().split("\n").at(-1) ?? "";
    const status = `${path} could not be looked at: exit status ${answer.exitCode}`;
    return failed(said === "" ? status : `${status}: ${said}`);
  }
  // Where the tools of the worker know no fractions of a second, theirs is what follows the number.
  const [bytes, modified, now] = facts.map((value) => Number.parseFloat(value));
  if (maxAgeSeconds !== undefined) {
    const age = now! - modified!;
    if (Number.isNaN(age)) return failed(`${path}: the worker could not tell its age`);
    if (age > maxAgeSeconds)
      return failed(`${path} is ${upwards(age)} s old; at most ${maxAgeSeconds} s are allowed`);
  }
  if (contains === undefined || found === true) return passed;
  if (found === false) return failed(`${path} does not contain ${JSON.stringify(contains)}`);
  return failed(`${path} has ${bytes} bytes, and only files of up to ${searchedMib} MiB are searched`);
}

/** Rounded up to tenths, so that what is too old is never shown as what just passes. */
function upwards(seconds: number): number {
  return Math.ceil(seconds * 10) / 10;
}
