// The commands that deploy and job control run on a worker, built from quoted parts.

import type { ShellText } from "../ssh/exec/quote.ts";
import { raw, sh, sudo, withEnv } from "../ssh/exec/quote.ts";

/** What lies at the root of a worker's bucket directory. */
export interface WorkerFiles {
  workerJson: string;
  jobsJson: string;
  runner: string;
}

/** Tools that every worker must have. */
export const workerTools = ["bash", "make", "python3", "rsync", "timeout"] as const;

/** Free space below which a deploy does not begin on a worker: room for a small job and its temporary files, in KiB. */
export const minimumFreeKib = 8 * 1024;

/** Seconds between the polite and the forced end of a command that overran its time. */
const killAfterSeconds = 10;

/** Seconds that the host waits longer than the worker's own `timeout`, so that the worker's word comes first. */
export const graceSeconds = killAfterSeconds + 20;

/** Begins every line of the check's answer, so that a chatty login shell cannot be taken for it. */
const marker = "maand-check";

// Every process that these scripts start is paid for on each worker at each deploy: what the shell can do itself, it does.
const checkScript = raw(`
dir=$1
for tool in bash make python3 rsync timeout; do
  command -v "$tool" >/dev/null 2>&1 || echo "maand-check missing $tool"
done
umask 022
put() { printf '%s\\n' "$1" > "$2.new" && mv -f "$2.new" "$2"; }
prepare() {
  [ -d "$dir/bin" ] && [ -d "$dir/jobs" ] || mkdir -p "$dir/bin" "$dir/jobs" || return
  [ -r "$dir/bin/runner.py" ] && [ "$(cat "$dir/bin/runner.py")" = "$1" ] || put "$1" "$dir/bin/runner.py" || return
  : >> "$dir/bin/runner.py"
}
if ! problem=$( { prepare "$2"; } 2>&1 ); then echo "maand-check unwritable $problem"; fi
`);

const freeSpaceScript = raw(`
free=$(df -Pk "$dir" 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "$free"; })
echo "maand-check free $free"
`);

const refreshScript = raw(`
refresh() {
  put "$1" "$dir/worker.json" || return
  [ -r "$dir/jobs.json" ] && IFS= read -r old < "$dir/jobs.json" && [ "$old" = "$2" ] || put "$2" "$dir/jobs.json"
}
if problem=$( { refresh "$3" "$4"; } 2>&1 ); then echo "maand-check refreshed"; else echo "maand-check unwritable $problem"; fi
`);

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
  const script = `${space ? freeSpaceScript.text : ""}${refresh === undefined ? "" : refreshScript.text}`;
  const values = refresh === undefined ? [] : [refresh.workerJson.trimEnd(), refresh.jobsJson.trimEnd()];
  return sudo(
    useSudo,
    sh`sh -c ${`${checkScript.text}${script}echo "${marker} done"`} sh ${directory} ${runner.trimEnd()} ${values}`,
  );
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
  for (const line of result.stdout.split("\n")) {
    if (!line.startsWith(`${marker} `)) continue;
    const [kind, ...rest] = line.slice(marker.length + 1).split(" ");
    const text = rest.join(" ");
    if (kind === "missing") missing.push(text);
    else if (kind === "unwritable") findings.push(`cannot write there: ${text}`);
    else if (kind === "free" && Number(text) < minimumFreeKib) {
      findings.push(
        `only ${Math.floor(Number(text) / 1024)} MB free, ${minimumFreeKib / 1024} MB are needed`,
      );
    } else if (kind === "refreshed") refreshed = true;
    else if (kind === "done") done = true;
  }
  if (missing.length > 0) findings.unshift(`not installed: ${missing.join(", ")}`);
  if (!done && findings.length === 0) {
    const said = result.stderr.trim().split("\n").at(-1) ?? "";
    const what = useSudo ? "sudo -n does not work" : `the check ended with status ${result.exitCode}`;
    findings.push(said === "" ? what : `${what}: ${said}`);
  }
  return { findings, missing, refreshed };
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
  // -I -S: nothing of the worker's own Python set-up, which also halves the start-up time.
  const runner = sh`timeout -k ${killAfterSeconds} ${run.timeoutSeconds} python3 -I -S ${`${run.directory}/bin/runner.py`} ${run.bucketId} ${run.target} --jobs ${run.job}`;
  return sudo(run.useSudo, withEnv(variables, runner));
}

/** Exit status of `timeout` when it ended the command (coreutils manual, "timeout invocation"). */
export const timedOutStatus = 124;

/**
 * As `targetCommand`, but nothing to do (status 0) where the job has no Makefile on the worker: its files never arrived
 * as a whole, or it was stopped and a deletion, which takes the Makefile first, was cut short.
 */
export function stopCommand(run: Omit<TargetRun, "target">): ShellText {
  const guard = raw('[ -e "$1" ] || exit 0; shift; exec "$@"');
  const stop = targetCommand({ ...run, useSudo: false, target: "stop" });
  return sudo(run.useSudo, sh`sh -c ${guard.text} sh ${`${run.directory}/jobs/${run.job}/Makefile`} ${stop}`);
}

const deleteScript = raw(`
cd "$1" 2>/dev/null || exit 0
rm -f ./Makefile || exit 1
for entry in * .[!.]* ..?*; do
  case $entry in
    data|logs|bin) ;;
    *) rm -rf -- "./$entry" || exit 1 ;;
  esac
done
cd / && rmdir "$1" 2>/dev/null
exit 0
`);

/** Deletes what was deployed of a job and keeps its `data/`, `logs/` and `bin/`; nothing there is no fault. */
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
