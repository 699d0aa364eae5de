// The check of a worker before a deploy: its command, what it is told to go on, and what it answered.

import type { ShellText } from "../ssh/exec/quote.ts";
import { joinShell, runScript, script, sh, sudo } from "../ssh/exec/quote.ts";
import checkFile from "./scripts/check.sh" with { type: "text" };
import freeSpaceFile from "./scripts/free-space.sh" with { type: "text" };
import goOnFile from "./scripts/go-on.sh" with { type: "text" };

/** Tools that every worker must have; `scripts/check.sh` looks for the same. */
export const workerTools = ["bash", "make", "python3", "rsync", "timeout"] as const;

/** Free space below which a deploy does not begin on a worker: room for a small job and its temporary files, in KiB. */
const minimumFreeKib = 8 * 1024;

/** Begins every line of the check's answer, so that a chatty login shell cannot be taken for it. */
const marker = "maand-check";

/** The line after which a check waits to be told how to go on. */
export const askedLine = `${marker} asked`;

export interface CheckOptions {
  /** Files will be sent: is there room for them? */
  space: boolean;
  /** Of this check alone; those of one run are alike up to the number at the end. */
  mark: { run: string; number: number };
  /** `jobs.json` as it shall be; absent where it stays as it is. */
  jobsJson?: string;
}

/**
 * Asks what a worker lacks and says of itself, then waits on its input: `goOnInput` lets it put the files of its root in
 * place, the end of the input leaves everything as it was. One command, so one round trip of ssh. `readCheck` reads
 * the answer.
 */
export function checkCommand(
  directory: string,
  useSudo: boolean,
  runner: string,
  { space, mark, jobsJson }: CheckOptions,
): ShellText {
  const parts = [script(checkFile)];
  if (space) parts.push(script(freeSpaceFile));
  parts.push(script(goOnFile), sh`echo "maand-check done"`);
  const name = `.check-${mark.run}-${mark.number}`;
  const values = [directory, name, runner.trimEnd(), jobsJson?.trimEnd() ?? ""];
  return sudo(useSudo, runScript("sh", joinShell("\n", parts), values));
}

/** What a check is told on its input so that it goes on. */
export function goOnInput(workerJson: string): string {
  return `go\n${workerJson.trimEnd()}\n`;
}

/** A job's directory as it was found on a worker. */
export interface JobDirectory {
  /** What the last complete sync left (`syncMark`); absent where none did, or one was cut short. */
  mark?: string;
  /** Nothing that was deployed is to be seen in it. */
  bare: boolean;
  /** It is a link to a directory: the operator has moved it. */
  isLink: boolean;
  /** A sync has at least begun here, so that what lies in it may be replaced. */
  begun: boolean;
}

export interface CheckAnswer {
  /** Everything that is wrong, in the operator's words; empty when the worker is fit. */
  findings: string[];
  /** Tools that are not installed. */
  missing: string[];
  /** The text of `worker.json`; absent when there is none. */
  workerJson?: string;
  /** Numbers of the marks that this run's checks have left there: more than its own where it has several addresses. */
  marks: number[];
  /** By job. */
  jobs: Map<string, JobDirectory>;
}

/** Reads what `checkCommand` has printed so far; `ended` once it has come to its end. */
export function readCheck(
  stdout: string,
  useSudo: boolean,
  ended?: { exitCode: number; stderr: string },
): CheckAnswer {
  const answer: CheckAnswer = { findings: [], missing: [], marks: [], jobs: new Map() };
  const { findings, missing } = answer;
  let done = false;
  let free: string | undefined;
  for (const line of stdout.split("\n")) {
    if (!line.startsWith(`${marker} `)) continue;
    const [kind, ...rest] = line.slice(marker.length + 1).split(" ");
    const text = rest.join(" ");
    if (kind === "missing") missing.push(text);
    else if (kind === "unwritable") findings.push(`cannot write there: ${text}`);
    else if (kind === "foreign") findings.push(text);
    else if (kind === "free") free = text;
    else if (kind === "mark" && /^\d+$/.test(text)) answer.marks.push(Number(text));
    else if (kind === "says") answer.workerJson = text;
    else if (kind === "jobs") for (const entry of rest) addJob(answer.jobs, entry);
    else if (kind === "done") done = true;
  }
  // Where nothing can be written there is no directory whose space could be asked for.
  if (free !== undefined && !(findings.length > 0 && free === "")) {
    const kib = /^\d+$/.test(free) ? Number(free) : undefined;
    if (kib === undefined) findings.push(`df does not tell the free space${free === "" ? "" : `: ${free}`}`);
    else if (kib < minimumFreeKib)
      findings.push(`only ${Math.floor(kib / 1024)} MB free, ${minimumFreeKib / 1024} MB are needed`);
  }
  if (missing.length > 0) findings.unshift(`not installed: ${missing.join(", ")}`);
  if (ended !== undefined && !done && findings.length === 0) {
    const said = ended.stderr.trim().split("\n").at(-1) ?? "";
    // What sudo ends with when it does not let us, and the shell when there is no sudo.
    const bySudo = useSudo && (ended.exitCode === 1 || ended.exitCode === 127);
    const what = bySudo
      ? "sudo -n does not work"
      : `the check ended with status ${ended.exitCode} before it was through`;
    findings.push(said === "" ? what : `${what}: ${said}`);
  }
  return answer;
}

/** `web=0123abcd!@`, as check.sh writes it. */
function addJob(jobs: Map<string, JobDirectory>, entry: string): void {
  const parts = /^([^=]+)=(-|[0-9a-f]*)(!?)(@?)$/.exec(entry);
  if (parts === null) return;
  const [, job, mark, bare, link] = parts as unknown as [string, string, string, string, string];
  jobs.set(job, {
    ...(mark === "" || mark === "-" ? {} : { mark }),
    begun: mark !== "",
    bare: bare !== "",
    isLink: link !== "",
  });
}
