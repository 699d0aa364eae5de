// kill -9 at random moments of gc, of `maand hooks` and of job control, then the same again: nothing is lost or half done.

import { expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { integrityOf } from "../support/catalog-content.ts";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { buildAndDeploy, callsOf, jobDirectory } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const rounds = Number(process.env.CRASH_ROUNDS ?? 40);
const fleet = useFleet(2);
const bucket = useFileBucket(fleet);

/** Starts a command and kills it at a random moment of its usual length, or a little after. */
async function killed(random: () => number, usualMs: number, ...args: string[]): Promise<void> {
  const run = bucket.start([...args, "--quiet"]);
  await Bun.sleep(random() * usualMs * 1.1);
  run.kill("SIGKILL");
  await run.wait();
  expect(integrityOf(bucket)).toBe("ok");
}

async function timed(...args: string[]): Promise<number> {
  const begun = performance.now();
  const { code, stdout, stderr } = await bucket.maand(...args);
  expect(`${args.join(" ")}: ${code} ${stdout}${stderr}`).toStartWith(`${args.join(" ")}: 0 `);
  return performance.now() - begun;
}

test(
  `${rounds} kills of gc, whose secrets of jobs that stay survive`,
  async () => {
    const random = randomFrom(seedFrom("CRASH_SEED"));
    const keeper = `import { putJobSecret } from "maand";\nexport default async () => { (await putJobSecret("password", "kept")).raiseForStatus(); };\n`;
    writeJob(bucket, "stays", {
      manifest: { hooks: { hook_keep: { executed_on: ["cli"] } } },
      files: { "_hooks/hook_keep.ts": keeper },
    });
    writeJob(bucket, "goes");
    await buildAndDeploy(bucket);
    await timed("hooks", "hook_keep", "stays");
    const directory = await jobDirectory(bucket, "goes");
    let usual = 0;
    for (let round = 0; round < rounds; round++) {
      bucket.remove("workspace/jobs/goes");
      if (round % 2 === 0) await buildAndDeploy(bucket);
      else await timed("build");
      if (round === 0) usual = await timed("gc");
      else await killed(random, usual, "gc");
      await timed("gc");
      expect((await fleet.exec(0, `ls -d ${directory} 2>/dev/null || true`)).stdout).toBe("");
      const rows = await bucket.maandJson<{ allocations: { job: string }[] }>("cat", "allocations");
      expect(rows.json.allocations.map((row) => row.job)).toEqual(["stays", "stays"]);
      const secret = await bucket.maand("cat", "kv", "get", "secrets/job/stays", "password", "--reveal");
      expect(secret.stdout).toBe("kept\n");
      writeJob(bucket, "goes");
      await buildAndDeploy(bucket);
    }
    expect(await callsOf(fleet, bucket, 0, "stays")).toEqual(["start 0.0.0 1.0.0"]);
  },
  5 * 60 * 1000,
);

test(
  `${rounds} kills of a hook that writes: each job's writes are there whole or not at all`,
  async () => {
    const random = randomFrom(seedFrom("CRASH_SEED"));
    const writer = `import { allocationIndex, env, kvGet, putJobVariable, putJobSecret } from "maand";
const next = Number(await kvGet("vars/job/pairs", "left") ?? 0) + 1;
if (String(allocationIndex()) === "0") {
  (await putJobVariable("left", String(next))).raiseForStatus();
  await Bun.sleep(50);
  (await putJobVariable("right", String(next))).raiseForStatus();
  (await putJobSecret("secret", String(next))).raiseForStatus();
}
`;
    writeJob(bucket, "pairs", {
      manifest: { hooks: { hook_write: { executed_on: ["cli"] } } },
      files: { "_hooks/hook_write.ts": writer },
    });
    await buildAndDeploy(bucket);
    const usual = await timed("hooks", "hook_write", "pairs");
    const value = async (namespace: string, key: string) =>
      (await bucket.maand("cat", "kv", "get", namespace, key, "--reveal")).stdout.trim();
    for (let round = 0; round < rounds; round++) {
      await killed(random, usual, "hooks", "hook_write", "pairs");
      const left = await value("vars/job/pairs", "left");
      expect(Number(left)).toBeGreaterThan(0);
      expect([await value("vars/job/pairs", "right"), await value("secrets/job/pairs", "secret")]).toEqual([
        left,
        left,
      ]);
    }
    await timed("hooks", "hook_write", "pairs");
  },
  5 * 60 * 1000,
);

test(
  `${rounds} kills of a manual restart: the next deploy knows what it does not know`,
  async () => {
    const random = randomFrom(seedFrom("CRASH_SEED"));
    writeJob(bucket, "svc");
    await buildAndDeploy(bucket);
    const usual = await timed("job", "restart", "svc");
    for (let round = 0; round < rounds; round++) {
      await killed(random, usual, "job", "restart", "svc");
      await timed("deploy");
      expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
      const rows = await bucket.maandJson<{ deployments: { rollout: string }[] }>(
        "cat",
        "deployments",
        "--jobs",
        "svc",
      );
      expect(rows.json.deployments.map((row) => row.rollout)).toEqual(["promoted", "promoted"]);
    }
  },
  5 * 60 * 1000,
);
