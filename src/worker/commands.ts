// The commands that are run on a worker after its check, built from quoted parts and the script files beside.

import type { WorkerIdentity } from "../model/worker-identity.ts";
import type { ShellText } from "../ssh/exec/quote.ts";
import { runScript, script, sh, sudo, withEnv, withoutComments } from "../ssh/exec/quote.ts";
import inventoryProgram from "./inventory.py" with { type: "text" };
import runnerFile from "./runner.py" with { type: "text" };
import deleteDeployedFile from "./scripts/delete-deployed.sh" with { type: "text" };
import ifPresentFile from "./scripts/if-present.sh" with { type: "text" };
import inventoryFile from "./scripts/inventory.sh" with { type: "text" };
import printFile from "./scripts/print-file.sh" with { type: "text" };

/** `bin/runner.py` as it lies on workers. Every check carries it, so its comments stay here. */
export const runnerText = `${withoutComments(runnerFile)}\n`;

/** Seconds between the polite and the forced end of a command that overran its time. */
const killAfterSeconds = 10;

/** Seconds that the host waits longer than the worker's own `timeout`, so that the worker's word comes first. */
export const graceSeconds = killAfterSeconds + 20;

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
