// Builds buckets through the executable and reads what the catalog says, the way an operator does.

import { expect } from "bun:test";
import type { Bucket } from "./maand.ts";

export type Row = Record<string, unknown>;

/** What `build --json` prints; written out again, because a field that the sources rename must fail here. */
export interface BuildOutcome {
  changed: boolean;
  workers: number;
  jobs: number;
  allocations: number;
  added: number;
  removed: number;
  disabled: number;
  certificates_issued: number;
  certificates_renewed: number;
  purged: number;
  warnings: { path: string; what: string; hint: string }[];
}

/** Takes everything out of the workspace but what `init` wrote. */
export function clearWorkspace(bucket: Bucket): void {
  bucket.remove("workspace/jobs");
  bucket.remove("workspace/disabled.json");
  bucket.remove("workspace/bucket.jobs.conf");
  bucket.write("workspace/bucket.conf", 'port_range = "30000,39999"\n');
  bucket.write("workspace/workers.json", []);
}

/** Builds; fails the test unless that succeeds. */
export async function build(bucket: Bucket, ...flags: string[]): Promise<BuildOutcome> {
  const outcome = await bucket.maandJson<{ build: BuildOutcome }>("build", ...flags);
  if (outcome.code !== 0) throw new Error(`maand build exited with ${outcome.code}: ${outcome.stderr}`);
  return outcome.json.build;
}

/** Builds a workspace that must be refused: exit 2. Gives the lines of standard error, the last one apart. */
export async function refusedBuild(bucket: Bucket): Promise<string[]> {
  const outcome = await bucket.maand("build");
  expect(outcome.stdout).toBe("");
  const lines = outcome.stderr.trimEnd().split("\n");
  const last = lines.pop();
  const count = lines.length === 1 ? "1 problem" : `${lines.length} problems`;
  expect({ code: outcome.code, last }).toEqual({ code: 2, last: `build failed: ${count}` });
  return lines;
}

/** The rows of `maand cat <name> --json`. */
export async function cat<T extends Row = Row>(
  bucket: Bucket,
  name: string,
  ...flags: string[]
): Promise<T[]> {
  const { code, json, stderr } = await bucket.maandJson<Record<string, T[]>>("cat", name, ...flags);
  if (code !== 0) throw new Error(`maand cat ${name} exited with ${code}: ${stderr}`);
  return json[name]!;
}

interface KvRow extends Row {
  namespace: string;
  key: string;
  value: string;
  version: number;
  deleted: boolean;
}

/** Live keys and values by namespace; secrets are `***`. */
export async function readKv(
  bucket: Bucket,
  ...flags: string[]
): Promise<Record<string, Record<string, string>>> {
  const values: Record<string, Record<string, string>> = {};
  for (const { namespace, key, value } of await cat<KvRow>(bucket, "kv", "--active", ...flags)) {
    values[namespace] ??= {};
    values[namespace][key] = value;
  }
  return values;
}

/** One value, secrets included, exactly as it is stored. */
export async function revealed(bucket: Bucket, namespace: string, key: string): Promise<string> {
  const { code, json } = await bucket.maandJson<{ value: string }>(
    "cat",
    "kv",
    "get",
    namespace,
    key,
    "--reveal",
  );
  if (code !== 0) throw new Error(`there is no ${namespace} ${key}`);
  return json.value;
}

/** A job's ports as `name number source`. */
export async function portsOf(bucket: Bucket, job: string): Promise<string[]> {
  const rows = await cat(bucket, "ports");
  return rows.filter((row) => row.job === job).map((row) => `${row.name} ${row.port} ${row.source}`);
}
