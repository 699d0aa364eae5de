// Jobs for tests on real workers: each writes down what was done to it.

import type { Fleet } from "../fleet.ts";
import type { Bucket } from "../maand.ts";

/** Every target notes itself with the versions it was given; `data/calls` survives syncs. */
const recordingMakefile = `start stop restart reload status:
	@mkdir -p data
	@sleep $(or $(shell cat data/pause 2>/dev/null),0)
	@if [ -e data/broken ]; then echo "this is broken on purpose"; exit 7; fi
	@echo "$@ $(CURRENT_VERSION) $(NEW_VERSION)" >> data/calls
	@echo "$@ of $(JOB) on $(ALLOCATION_IP)"
`;

export interface JobOptions {
  version?: string;
  manifest?: Record<string, unknown>;
  /** Further files of the job. */
  files?: Record<string, string>;
}

/** Writes (or overwrites) a recording job. */
export function writeJob(bucket: Bucket, name: string, options: JobOptions = {}): void {
  bucket.write(`workspace/jobs/${name}/manifest.json`, {
    version: options.version ?? "1.0.0",
    selectors: ["worker"],
    ...options.manifest,
  });
  bucket.write(`workspace/jobs/${name}/Makefile`, recordingMakefile);
  for (const [path, text] of Object.entries(options.files ?? {}))
    bucket.write(`workspace/jobs/${name}/${path}`, text);
}

/** 3 s instead of 10 until a worker that does not answer counts as unreachable. */
export function noticeQuickly(bucket: Bucket): void {
  const conf = bucket.read("maand.conf");
  bucket.write("maand.conf", conf.replace(/^connect_timeout = .*$/m, "connect_timeout = 3"));
}

/** A gate that a test closes on one worker by `makeSick`. */
export const sickGate = {
  health_check: {
    checks: [{ type: "ssh", command: "test ! -e /tmp/sick" }],
    wait: { attempts: 2, interval_seconds: 0.1 },
  },
};

export const makeSick = (fleet: Fleet, i: number) => fleet.exec(i, "touch /tmp/sick");
export const makeWell = (fleet: Fleet, i: number) => fleet.exec(i, "rm -f /tmp/sick");

/** Where a job lies on its workers. */
export async function jobDirectory(bucket: Bucket, job: string): Promise<string> {
  const { json } = await bucket.maandJson<{ bucket_id: string }>("info");
  return `/opt/worker/${json.bucket_id}/jobs/${job}`;
}

/** What was done to a job on one worker, a line per target: `start 0.0.0 1.0.0`. */
export async function callsOf(fleet: Fleet, bucket: Bucket, i: number, job: string): Promise<string[]> {
  const path = `${await jobDirectory(bucket, job)}/data/calls`;
  const { stdout } = await fleet.exec(i, `cat ${path} 2>/dev/null || true`);
  return stdout.split("\n").filter((line) => line !== "");
}

/** As `callsOf`, for every worker of the fleet. */
export function allCalls(fleet: Fleet, bucket: Bucket, job: string): Promise<string[][]> {
  return Promise.all(fleet.ips.map((_, i) => callsOf(fleet, bucket, i, job)));
}

/** Builds; throws with the messages when that fails. */
export async function build(bucket: Bucket): Promise<void> {
  const outcome = await bucket.maand("build");
  if (outcome.code !== 0) throw new Error(`build failed: ${outcome.stderr}`);
}

/** Builds and deploys; throws when either fails. */
export async function buildAndDeploy(bucket: Bucket, ...flags: string[]): Promise<string> {
  await build(bucket);
  const outcome = await bucket.maand("deploy", ...flags);
  if (outcome.code !== 0) throw new Error(`deploy failed: ${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout;
}

export interface DeployJson {
  ok: boolean;
  update_seq: number;
  reconcile: AllocationJson[];
  waves: {
    seq: number;
    jobs: { job: string; status: string; reason?: string; allocations: AllocationJson[] }[];
  }[];
  unreached: { worker_ip: string; due: boolean; error: { message: string } }[];
  error?: { message: string };
}

export interface AllocationJson {
  job: string;
  worker_ip: string;
  action: string;
  status: string;
  reason?: string;
  matched?: string[];
  current_version: string;
  new_version: string;
  error?: { kind: string; message: string; why?: string; worker?: string };
}

/** `action status` of each allocation of a job, by worker. */
export function outcomesOf(json: DeployJson, job: string): Record<string, string> {
  const all = [...json.reconcile, ...json.waves.flatMap((wave) => wave.jobs.flatMap((j) => j.allocations))];
  return Object.fromEntries(
    all.filter((a) => a.job === job).map((a) => [a.worker_ip, `${a.action} ${a.status}`]),
  );
}
