// Three workers with one job each, and how a command's outcome is held against what it should be.

import { beforeAll, expect } from "bun:test";
import { sickGate, writeJob } from "../support/builders/jobs.ts";
import { buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import type { Fleet } from "../support/fleet.ts";
import type { Bucket } from "../support/maand.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

export let fleet: Fleet;
export let bucket: Bucket;
/** Where the job `api` lies on its workers. */
export let directory: string;

/** For the top of a test file: a fleet, and a bucket whose job `api` is deployed everywhere. */
export function useSmallFleet(): void {
  fleet = useFleet(3);
  bucket = useFileBucket(fleet);
  beforeAll(async () => {
    writeJob(bucket, "api", { manifest: { ...sickGate, max_concurrent_upgrades: 3 } });
    await buildAndDeploy(bucket);
    directory = await jobDirectory(bucket, "api");
  }, 60_000);
}

/** One command in one weather. Text has w0, w1, w2 for addresses and T for times; lines of stderr are sorted. */
export interface Cell {
  args: string[];
  code: number;
  out: string;
  err: string;
  /** What the JSON document must hold besides ok, command and run_id. */
  json: object;
}

/** Text with w0, w1, w2 for addresses, T for times, and two spaces between columns. */
export function plain(text: string): string {
  return fleet.ips
    .reduce((shown, ip, i) => shown.replaceAll(ip, `w${i}`), text)
    .replace(/\b\d+(\.\d+)?s\b/g, "T")
    .replace(/(\S) {2,}/g, "$1  ");
}

/** As `plain`, its lines in one order: workers answer in any. */
export const sorted = (text: string): string => plain(text).split("\n").sort().join("\n").trim();

/** Runs the command as text and with --json and holds both against the cell. */
export async function hold(cell: Cell): Promise<void> {
  const { args, code, out, err, json } = cell;
  const text = await bucket.maand(...args);
  expect({ code: text.code, out: plain(text.stdout), err: sorted(text.stderr) }).toEqual({ code, out, err });
  // Piped output steers no terminal.
  expect(text.stdout + text.stderr).not.toContain("\x1b");
  const document = await bucket.maandJson(...args);
  expect(document.code).toBe(code);
  expect(sorted(document.stderr)).toBe(err);
  expect(document.json).toMatchObject({ ok: code === 0, ...json });
  expect(document.json.command).toBe(
    args.slice(0, String(document.json.command).split(" ").length).join(" "),
  );
  expect(String(document.json.run_id)).toMatch(/^[0-9a-f-]{36}$/);
}

/** Runs a shell command as root on every worker. */
export const everywhere = (command: string) => Promise.all(fleet.ips.map((_, i) => fleet.exec(i, command)));
/** One JSON row per worker. */
export const on = (workers: readonly number[], member: object) =>
  workers.map((i) => ({ worker_ip: fleet.ips[i]!, ...member }));
export const onAll = (member: object) => on([0, 1, 2], member);
/** A line per worker, in the order of workers. */
export const each = (line: (worker: string) => string) => ["w0", "w1", "w2"].map(line);
/** Lines that each end in a newline. */
export const lines = (...all: string[]) => all.map((line) => `${line}\n`).join("");
/** Lines as `sorted` gives them. */
export const joined = (...all: string[]) => all.sort().join("\n");

export const tableHead = "worker_ip  status  exit  output";
export const shell = "test ! -e /tmp/sick && echo well";

/** A way to call each command that works on workers. */
export const argsOf: Record<string, string[]> = {
  health_check: ["health_check"],
  "job status": ["job", "status", "api"],
  "job stop": ["job", "stop", "api"],
  "job start": ["job", "start", "api"],
  "job restart": ["job", "restart", "api", "--health_check"],
  "job run": ["job", "run", "api", "--target", "reload"],
  run_command: ["run_command", shell],
  gc: ["gc"],
};
