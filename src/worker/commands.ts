// The commands that deploy and job control run on a worker, built from quoted parts and the script files beside.

import type { ShellText } from "../ssh/exec/quote.ts";
import { joinShell, runScript, script, sh, sudo, withEnv, withoutComments } from "../ssh/exec/quote.ts";
import runnerFile from "./runner.py" with { type: "text" };
import checkFile from "./scripts/check.sh" with { type: "text" };
import deleteDeployedFile from "./scripts/delete-deployed.sh" with { type: "text" };
import freeSpaceFile from "./scripts/free-space.sh" with { type: "text" };
import ifPresentFile from "./scripts/if-present.sh" with { type: "text" };
import printFile from "./scripts/print-file.sh" with { type: "text" };
import refreshFile from "./scripts/refresh.sh" with { type: "text" };

/** `bin/runner.py` as it lies on workers. Every check carries it, so its comments stay here. */
export const runnerText = `${withoutComments(runnerFile)}\n`;

/** What lies at the root of a worker's bucket directory. */
export interface WorkerFiles {
  workerJson: string;
  jobsJson: string;
  runner: string;
}

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

export interface CheckOptions {
  /** Files will be sent: is there room for them? */
  space: boolean;
  /** Written in the same round trip. */
  refresh?: Pick<WorkerFiles, "workerJson" | "jobsJson">;
}

/** Checks a worker's prerequisites and puts the runner in place, in one round trip. `readCheck` reads the answer. */
export function checkCommand(
  directory: string,
  useSudo: boolean,
  runner: string,
  { space, refresh }: CheckOptions,
): ShellText {
  const parts = [script(checkFile)];
  if (space) parts.push(script(freeSpaceFile));
  if (refresh !== undefined) parts.push(script(refreshFile));
  parts.push(sh`echo "maand-check done"`);
  const values = refresh === undefined ? [] : [refresh.workerJson.trimEnd(), refresh.jobsJson.trimEnd()];
  const text = joinShell("\n", parts);
  return sudo(useSudo, runScript("sh", text, [directory, runner.trimEnd(), ...values]));
}

export interface CheckAnswer {
  /** Everything that is wrong, in the operator's words; empty when the worker is fit. */
  findings: string[];
  /** Tools that are not installed. */
  missing: string[];
  refreshed: boolean;
}

/** Reads what `checkCommand` printed. */
export function readCheck(
  result: { exitCode: number; stdout: string; stderr: string },
  useSudo: boolean,
): CheckAnswer {
  const findings: string[] = [];
  const missing: string[] = [];
  let refreshed = false;
  let done = false;
  let free: string | undefined;
  for (const line of result.stdout.split("\n")) {
    if (!line.startsWith(`${marker} `)) continue;
    const [kind, ...rest] = line.slice(marker.length + 1).split(" ");
    const text = rest.join(" ");
    if (kind === "missing") missing.push(text);
    else if (kind === "unwritable") findings.push(`cannot write there: ${text}`);
    else if (kind === "free") free = text;
    else if (kind === "refreshed") refreshed = true;
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
  if (!done && findings.length === 0) {
    const said = result.stderr.trim().split("\n").at(-1) ?? "";
    // What sudo ends with when it does not let us, and the shell when there is no sudo.
    const bySudo = useSudo && (result.exitCode === 1 || result.exitCode === 127);
    const what = bySudo
      ? "sudo -n does not work"
      : `the check ended with status ${result.exitCode} before it was through`;
    findings.push(said === "" ? what : `${what}: ${said}`);
  }
  return { findings, missing, refreshed };
}

export interface TargetOptions {
  directory: string;
  bucketId: string;
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
    BUCKET_ID: run.bucketId,
  };
  // -I -S: nothing of the worker's own Python set-up, which also halves the start-up time.
  const runner = sh`timeout -k ${killAfterSeconds} ${run.timeoutSeconds} python3 -I -S ${`${run.directory}/bin/runner.py`} ${run.bucketId} ${run.target} --jobs ${run.job}`;
  return sudo(run.useSudo, withEnv(variables, runner));
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
