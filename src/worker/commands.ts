// The commands that deploy and job control run on a worker, built from quoted parts and the script files beside.

import type { WorkerIdentity } from "../model/worker-identity.ts";
import type { ShellText } from "../ssh/exec/quote.ts";
import { joinShell, runScript, script, sh, sudo, withEnv, withoutComments } from "../ssh/exec/quote.ts";
import inventoryProgram from "./inventory.py" with { type: "text" };
import runnerFile from "./runner.py" with { type: "text" };
import checkFile from "./scripts/check.sh" with { type: "text" };
import deleteDeployedFile from "./scripts/delete-deployed.sh" with { type: "text" };
import freeSpaceFile from "./scripts/free-space.sh" with { type: "text" };
import goOnFile from "./scripts/go-on.sh" with { type: "text" };
import ifPresentFile from "./scripts/if-present.sh" with { type: "text" };
import inventoryFile from "./scripts/inventory.sh" with { type: "text" };
import printFile from "./scripts/print-file.sh" with { type: "text" };

/** `bin/runner.py` as it lies on workers. Every check carries it, so its comments stay here. */
export const runnerText = `${withoutComments(runnerFile)}\n`;

/** Tools that every worker must have; `scripts/check.sh` looks for the same. */
export const workerTools = ["bash", "make", "python3", "rsync", "timeout"] as const;

/** Free space below which a deploy does not begin on a worker: room for a small job and its temporary files, in KiB. */
const minimumFreeKib = 8 * 1024;

/** Seconds between the polite and the forced end of a command that overran its time. */
const killAfterSeconds = 10;

/** Seconds that the host waits longer than the worker's own `timeout`, so that the worker's word comes first. */
export const graceSeconds = killAfterSeconds + 20;

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

export interface TargetOptions {
  directory: string;
  /** What `worker.json` must say: the runner compares it before the target. */
  identity: WorkerIdentity;
  useSudo: boolean;
  job: string;
  workerIp: string;
  target: string;
  currentVersion: string;
  newVersion: string;
  /** Seconds for the whole target. */
  timeoutSeconds: number;
}

/** Runs one Makefile target of one job through `runner.py` under `timeout`; status 124 means that the time was up. */
export function targetCommand(run: TargetOptions): ShellText {
  const variables = {
    CURRENT_VERSION: run.currentVersion,
    NEW_VERSION: run.newVersion,
    JOB: run.job,
    ALLOCATION_IP: run.workerIp,
    BUCKET_ID: run.identity.bucketId,
  };
  // -I -S: nothing of the worker's own Python set-up, which also halves the start-up time.
  const runner = sh`timeout -k ${killAfterSeconds} ${run.timeoutSeconds} python3 -I -S ${`${run.directory}/bin/runner.py`} ${run.identity.bucketId} ${run.target} --jobs ${run.job} ${identityOptions(run.identity)}`;
  return sudo(run.useSudo, withEnv(variables, runner));
}

/** Before the first deploy with a run id, the runner on the worker may be one that knows none of these. */
function identityOptions({ workerId, updateSeq, runId }: WorkerIdentity): string[] {
  if (runId === undefined) return [];
  return ["--worker-id", workerId, "--update-seq", String(updateSeq), "--run-id", runId];
}

/** Exit status of `timeout` when it ended the command (coreutils manual, "timeout invocation"). */
export const timedOutStatus = 124;

/**
 * Whether a status is that of make: 1 or 2, or 128 and the number of a signal. Others are of what runs make (timeout,
 * the runner, sudo), or say that one of them is not there.
 */
export function isMakeStatus(status: number): boolean {
  return status === 1 || status === 2 || status > 128;
}

/**
 * As `targetCommand`, but nothing to do (status 0) where the job has no Makefile on the worker: its files never arrived
 * as a whole, or it was stopped and a deletion, which takes the Makefile first, was cut short.
 */
export function stopCommand(run: Omit<TargetOptions, "target">): ShellText {
  const stop = targetCommand({ ...run, useSudo: false, target: "stop" });
  const makefile = `${run.directory}/jobs/${run.job}/Makefile`;
  return sudo(run.useSudo, runScript("sh", script(ifPresentFile), makefile, stop));
}

/** Deletes what was deployed of a job and keeps its `data/`, `logs/` and `bin/`; nothing there is no fault. */
export function deleteDeployedCommand(directory: string, job: string, useSudo: boolean): ShellText {
  return sudo(useSudo, runScript("sh", script(deleteDeployedFile), `${directory}/jobs/${job}`));
}

/** Deletes everything of a job, runtime data and the runner's lock included. */
export function deleteJobCommand(directory: string, job: string, useSudo: boolean): ShellText {
  return sudo(useSudo, sh`rm -rf -- ${`${directory}/jobs/${job}`} ${`${directory}/locks/${job}`}`);
}

/** Deletes the bucket's whole directory on a worker. */
export function deleteBucketCommand(directory: string, useSudo: boolean): ShellText {
  return sudo(useSudo, sh`rm -rf -- ${directory}`);
}

/** Prints `worker.json`, or nothing when there is none. */
export function readWorkerJsonCommand(directory: string, useSudo: boolean): ShellText {
  return sudo(useSudo, runScript("sh", script(printFile), `${directory}/worker.json`));
}

/** Prints what lies on a worker as one JSON document: `inventory.py` says what is in it. */
export function inventoryCommand(directory: string, useSudo: boolean): ShellText {
  const program = withoutComments(inventoryProgram);
  return sudo(useSudo, runScript("sh", script(inventoryFile), directory, program));
}
