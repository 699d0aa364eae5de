// The commands that deploy and job control run on a worker, built from quoted parts.

import type { ShellText } from "../ssh/quote.ts";
import { raw, sh, sudo, withEnv } from "../ssh/quote.ts";

/** Tools that every worker must have (04, "The run"). */
export const workerTools = ["bash", "make", "python3", "rsync", "timeout"] as const;

/** Free space below which a deploy does not begin on a worker: room for a small job and its temporary files, in KiB. */
export const minimumFreeKib = 8 * 1024;

/** Seconds between the polite and the forced end of a command that overran its time. */
const killAfterSeconds = 10;

/** Seconds that the host waits longer than the worker's own `timeout`, so that the worker's word comes first. */
export const graceSeconds = killAfterSeconds + 20;

/** Begins every line of the check's answer, so that a chatty login shell cannot be taken for it. */
const marker = "maand-check";

/** Where a bucket lives on a worker. */
export function workerDirectory(workerRoot: string, bucketId: string): string {
  return `${workerRoot}/${bucketId}`;
}

/** What lies at the root of a worker's bucket directory. */
export interface WorkerFiles {
  workerJson: string;
  jobsJson: string;
  runner: string;
}

const checkScript = raw(`
dir=$1
for tool in bash make python3 rsync timeout; do
  command -v "$tool" >/dev/null 2>&1 || echo "maand-check missing $tool"
done
umask 022
put() { printf '%s' "$1" > "$2.new" && mv -f "$2.new" "$2"; }
if problem=$( { mkdir -p "$dir/bin" "$dir/jobs" && put "$2" "$dir/bin/runner.py"; } 2>&1 ); then
  free=$(df -Pk "$dir" | { read -r _; read -r _ _ _ free _; echo "$free"; })
  echo "maand-check free $free"
else
  echo "maand-check unwritable $problem"
fi
`);

const refreshScript = raw(`
if problem=$( { put "$3" "$dir/worker.json" && put "$4" "$dir/jobs.json"; } 2>&1 ); then
  echo "maand-check refreshed"
else
  echo "maand-check unwritable $problem"
fi
`);

/**
 * Checks a worker's prerequisites and puts the runner in place in one round trip; when files are given, they are
 * refreshed in the same one. `readCheck` reads the answer.
 */
export function checkCommand(
  directory: string,
  useSudo: boolean,
  runner: string,
  refresh?: Pick<WorkerFiles, "workerJson" | "jobsJson">,
): ShellText {
  const script = refresh === undefined ? checkScript.text : `${checkScript.text}${refreshScript.text}`;
  const values = refresh === undefined ? [] : [refresh.workerJson, refresh.jobsJson];
  return sudo(useSudo, sh`sh -c ${`${script}echo "${marker} done"`} sh ${directory} ${runner} ${values}`);
}

export interface CheckAnswer {
  /** Everything that is wrong, in the operator's words; empty when the worker is fit. */
  findings: string[];
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
  for (const line of result.stdout.split("\n")) {
    if (!line.startsWith(`${marker} `)) continue;
    const [kind, ...rest] = line.slice(marker.length + 1).split(" ");
    const text = rest.join(" ");
    if (kind === "missing") missing.push(text);
    else if (kind === "unwritable") findings.push(`cannot write there: ${text}`);
    else if (kind === "free" && Number(text) < minimumFreeKib) {
      findings.push(`only ${Math.floor(Number(text) / 1024)} MB free, ${minimumFreeKib / 1024} MB are needed`);
    } else if (kind === "refreshed") refreshed = true;
    else if (kind === "done") done = true;
  }
  if (missing.length > 0) findings.unshift(`not installed: ${missing.join(", ")}`);
  if (!done && findings.length === 0) {
    const said = result.stderr.trim().split("\n").at(-1) ?? "";
    const what = useSudo ? "sudo -n does not work" : `the check ended with status ${result.exitCode}`;
    findings.push(said === "" ? what : `${what}: ${said}`);
  }
  return { findings, refreshed };
}

export interface TargetRun {
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
export function targetCommand(run: TargetRun): ShellText {
  const variables = {
    CURRENT_VERSION: run.currentVersion,
    NEW_VERSION: run.newVersion,
    JOB: run.job,
    ALLOCATION_IP: run.workerIp,
    BUCKET_ID: run.bucketId,
  };
  const runner = sh`timeout -k ${killAfterSeconds} ${run.timeoutSeconds} python3 ${`${run.directory}/bin/runner.py`} ${run.bucketId} ${run.target} --jobs ${run.job}`;
  return sudo(run.useSudo, withEnv(variables, runner));
}

/** Exit status of `timeout` when it ended the command (coreutils manual, "timeout invocation"). */
export const timedOutStatus = 124;

/** As `targetCommand`, but nothing to do (status 0) on a worker where the job's directory is not there. */
export function stopCommand(run: Omit<TargetRun, "target">): ShellText {
  const guard = raw('[ -d "$1" ] || exit 0; shift; exec "$@"');
  const stop = targetCommand({ ...run, useSudo: false, target: "stop" });
  return sudo(run.useSudo, sh`sh -c ${guard.text} sh ${`${run.directory}/jobs/${run.job}`} ${stop}`);
}

const deleteScript = raw(`
cd "$1" 2>/dev/null || exit 0
for entry in * .[!.]* ..?*; do
  case $entry in
    data|logs) ;;
    *) rm -rf -- "./$entry" || exit 1 ;;
  esac
done
cd / && rmdir "$1" 2>/dev/null
exit 0
`);

/** Deletes what was deployed of a job and keeps its `data/` and `logs/`; nothing there is no fault. */
export function deleteDeployedCommand(directory: string, job: string, useSudo: boolean): ShellText {
  return sudo(useSudo, sh`sh -c ${deleteScript.text} sh ${`${directory}/jobs/${job}`}`);
}

/** Deletes everything of a job, runtime data included. */
export function deleteJobCommand(directory: string, job: string, useSudo: boolean): ShellText {
  return sudo(useSudo, sh`rm -rf -- ${`${directory}/jobs/${job}`}`);
}

/** Deletes the bucket's whole directory on a worker. */
export function deleteBucketCommand(directory: string, useSudo: boolean): ShellText {
  return sudo(useSudo, sh`rm -rf -- ${directory}`);
}

/** Prints `worker.json`, or nothing when there is none. */
export function readWorkerJsonCommand(directory: string, useSudo: boolean): ShellText {
  return sudo(useSudo, sh`sh -c ${'cat "$1" 2>/dev/null || true'} sh ${`${directory}/worker.json`}`);
}
