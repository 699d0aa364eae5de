// kill -9 of maand in the middle of slow targets, then a newer version at once: targets never overlap on a worker, each
// that was begun comes to its end, and the last to end is the newest.

import { expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const rounds = Number(process.env.CRASH_ROUNDS ?? 24);
const fleet = useFleet(2);
const bucket = useFileBucket(fleet);

// It prints all the time, so that a runner that minds whether it is read ends in the middle of it.
const makefile = `start stop restart:
	@mkdir -p data
	@echo "begin $@ $(NEW_VERSION)" >> data/journal
	@for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $$i"; sleep 0.1; done; echo "end $@ $(NEW_VERSION)" >> data/journal
`;

const write = (version: string) =>
  writeJob(bucket, "slow", {
    version,
    manifest: { max_concurrent_upgrades: 2 },
    files: { Makefile: makefile },
  });

/** Whatever dies: in every third round the runners are killed too. */
const hasRunnersKilled = (round: number) => round % 3 === 0;

/** Lines of a journal that are not the begin or the end of a target that ran alone and to its end. */
function faultsOf(lines: readonly string[]): string[] {
  return lines.filter((line, at) => {
    const [what, target, version] = line.split(" ");
    if (what === "end") return lines[at - 1] !== `begin ${target} ${version}`;
    if (lines[at + 1] === `end ${target} ${version}`) return false;
    // Without its runner a recipe may die of its next line of output; what it never does is go on beside another.
    const [series, round] = version!.split(".");
    return !(series === "2" && hasRunnersKilled(Number(round)));
  });
}

test(
  `${rounds} kills between two versions`,
  async () => {
    const random = randomFrom(seedFrom("CRASH_SEED"));
    write("1.0.0");
    await buildAndDeploy(bucket);
    const path = `${await jobDirectory(bucket, "slow")}/data/journal`;
    const begun = performance.now();
    write("1.1.0");
    await buildAndDeploy(bucket);
    const whole = performance.now() - begun;

    let waited = 0;
    for (let round = 1; round <= rounds; round++) {
      write(`2.${round}.0`);
      await build(bucket);
      const run = bucket.start(["deploy", "--quiet"]);
      await Bun.sleep(random() * whole);
      run.kill("SIGKILL");
      await run.wait();
      if (hasRunnersKilled(round))
        await fleet.exec(round % 2, "for pid in $(pgrep -f bin/runner.py); do kill -9 $pid; done");
      const version = `3.${round}.0`;
      write(version);
      await build(bucket);
      const after = await bucket.maand("deploy");
      expect(`round ${round}: ${after.code} ${after.stdout}${after.stderr}`).toStartWith(
        `round ${round}: 0 `,
      );
      if (after.stderr.includes("waiting for an earlier target of slow to end")) waited++;
      for (const i of fleet.ips.keys()) {
        const lines = (await fleet.exec(i, `cat ${path}`)).stdout.trim().split("\n");
        expect([round, i, faultsOf(lines)]).toEqual([round, i, []]);
        expect([round, i, lines.at(-1)]).toEqual([round, i, `end restart ${version}`]);
      }
    }
    // Otherwise nothing was cut short, and nothing shown.
    expect(waited).toBeGreaterThan(rounds / 12);
  },
  10 * 60 * 1000,
);
