// kill -9 at random moments of deploys that add, remove, disable, enable and change jobs; then a plain deploy sets all right.

import { expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { integrityOf } from "../support/catalog-content.ts";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { jobDirectory } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const rounds = Number(process.env.CRASH_ROUNDS ?? 20);
const fleet = useFleet(3);
const bucket = useFileBucket(fleet);

const policies: Record<string, Record<string, unknown>> = {
  always: { restart_policy: "always" },
  never: { restart_policy: "never" },
  reload: { restart_policy: "reload", restart_globs: ["*.ini"] },
};
const jobs = Object.keys(policies);
const directories = new Map<string, string>();

interface Wanted {
  /** Undefined: the job is not in the workspace. */
  version?: string;
  /** Workers on which it is disabled. */
  disabled: Set<number>;
}

function write(wanted: ReadonlyMap<string, Wanted>): void {
  const disabled: Record<string, { allocations: string[] }> = {};
  for (const [job, { version, disabled: off }] of wanted) {
    bucket.remove(`workspace/jobs/${job}`);
    if (version === undefined) continue;
    const files = { "version.txt": version, "major.ini": version.split(".")[0]! };
    writeJob(bucket, job, { version, manifest: policies[job]!, files });
    if (off.size > 0) disabled[job] = { allocations: [...off].map((i) => fleet.ips[i]!) };
  }
  bucket.write("workspace/disabled.json", { jobs: disabled });
}

/** What must hold on a worker once a deploy has ended well. */
async function check(job: string, { version, disabled }: Wanted, i: number, round: string): Promise<void> {
  const look = `cd ${directories.get(job)} 2>/dev/null || exit 0; cat data/calls; echo --; [ -e Makefile ] && cat version.txt`;
  const said = (await fleet.exec(i, look)).stdout.split("--\n");
  const calls = said[0]!.split("\n").filter((line) => line !== "");
  const stdout = said[1] ?? "";
  const last = calls.at(-1)?.split(" ")[0] ?? "nothing";
  const place = `${round} ${job}@${i} ${calls.slice(-4).join(", ")}`;
  if (version === undefined) expect([place, stdout]).toEqual([place, ""]);
  if (version === undefined || disabled.has(i)) {
    expect([place, ["stop", "nothing"].includes(last)]).toEqual([place, true]);
    return;
  }
  expect([place, ["start", "restart", "reload"].includes(last)]).toEqual([place, true]);
  expect([place, stdout]).toEqual([place, version]);
  // A policy that keeps its hands off processes is the only one that may leave an older version running.
  if (job !== "never") expect([place, calls.at(-1)!.endsWith(` ${version}`)]).toEqual([place, true]);
}

test(
  `${rounds} kills of deploys of every kind of change`,
  async () => {
    const seed = seedFrom("CRASH_SEED");
    const random = randomFrom(seed);
    const wanted = new Map<string, Wanted>(
      jobs.map((job) => [job, { version: "1.0.0", disabled: new Set() }]),
    );
    write(wanted);
    await build(bucket);
    for (const job of jobs) directories.set(job, await jobDirectory(bucket, job));
    const begun = performance.now();
    expect((await bucket.maand("deploy")).code).toBe(0);
    let usual = performance.now() - begun;
    for (let n = 1; n <= rounds; n++) {
      for (const job of jobs) {
        if (random() < 0.35) continue;
        const disabled = new Set([0, 1, 2].filter(() => random() < 0.3));
        wanted.set(
          job,
          random() < 0.2 ? { disabled } : { version: `${1 + Math.floor(n / 4)}.${n}.0`, disabled },
        );
      }
      write(wanted);
      await build(bucket);
      const run = bucket.start(["deploy", "--quiet"]);
      await Bun.sleep(random() * usual * 1.2);
      run.kill("SIGKILL");
      await run.wait();
      expect(integrityOf(bucket)).toBe("ok");
      const again = performance.now();
      const after = await bucket.maand("deploy");
      usual = Math.max(usual, performance.now() - again);
      const round = `seed ${seed} round ${n}`;
      expect(`${round}: ${after.code} ${after.stdout}${after.stderr}`).toStartWith(`${round}: 0 `);
      await Promise.all(
        [...wanted].flatMap(([job, want]) => fleet.ips.map((_, i) => check(job, want, i, round))),
      );
      expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
    }
  },
  10 * 60 * 1000,
);
