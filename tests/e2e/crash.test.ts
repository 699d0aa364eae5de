// kill -9 at random moments of a rolling deploy, then a plain deploy: it always converges and repeats nothing promoted.

import { expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { integrityOf } from "../support/catalog-content.ts";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { allCalls, buildAndDeploy } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const rounds = Number(process.env.CRASH_ROUNDS ?? 50);
const jobs = ["alpha", "beta", "gamma"];

const fleet = useFleet(5);
const bucket = useFileBucket(fleet);

test(
  `${rounds} kills of a deploy of 3 jobs on 5 workers`,
  async () => {
    const random = randomFrom(seedFrom("CRASH_SEED"));
    for (const job of jobs) writeJob(bucket, job, { manifest: { max_concurrent_upgrades: 1 } });
    await buildAndDeploy(bucket);
    // How long a whole rollout takes here: kills fall anywhere in it, and a little after.
    const begun = performance.now();
    for (const job of jobs) writeJob(bucket, job, { version: "1.1.0" });
    await buildAndDeploy(bucket);
    const whole = performance.now() - begun;

    for (let round = 1; round <= rounds; round++) {
      const version = `2.${round}.0`;
      for (const job of jobs) writeJob(bucket, job, { version });
      await build(bucket);
      const run = bucket.start(["deploy", "--quiet"]);
      await Bun.sleep(random() * whole * 1.1);
      run.kill("SIGKILL");
      await run.wait();
      expect(integrityOf(bucket)).toBe("ok");
      const after = await bucket.maand("deploy");
      expect(`round ${round}: ${after.code} ${after.stdout}${after.stderr}`).toStartWith(
        `round ${round}: 0 `,
      );
      expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
      for (const job of jobs) {
        const restarts = (await allCalls(fleet, bucket, job)).map(
          (calls) =>
            calls.filter((call) => call.startsWith("restart") && call.endsWith(` ${version}`)).length,
        );
        expect(Math.min(...restarts)).toBe(1);
        // Only the one allocation that was in flight when the kill came may have been restarted again.
        expect(restarts.filter((count) => count > 1).length).toBeLessThanOrEqual(1);
        expect(Math.max(...restarts)).toBeLessThanOrEqual(2);
      }
    }
  },
  10 * 60 * 1000,
);
