// Deploys buckets through the executable, and what recording jobs and `deploy --json` say of it afterwards.

import { build } from "./built-bucket.ts";
import type { Fleet } from "./fleet.ts";
import type { Bucket } from "./maand.ts";

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

/** Builds and deploys; throws when either fails. */
export async function buildAndDeploy(bucket: Bucket, ...flags: string[]): Promise<string> {
  await build(bucket);
  const outcome = await bucket.maand("deploy", ...flags);
  if (outcome.code !== 0) throw new Error(`deploy failed: ${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout;
}

/** What `deploy --json` prints. */
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

/** One allocation in it. */
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
