// What hooks write in real deploys through the executable lives as long as the promotion of the allocation it is for.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { makeSick, makeWell, sickGate, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { integrityOf } from "../support/catalog-content.ts";
import { type DeployJson, outcomesOf } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const fleet = useFleet(3);
const bucket = useBucket(fleet);

/** Each allocation writes a key, a secret and a key that all share; it fails where `fail` names its worker. */
const writing = `import maand, os, time
ip = maand.allocation_ip()
job = maand.job_name()
if ip in (open("fail").read() if os.path.exists("fail") else ""):
  maand.kv_put("vars/job/" + job, "var_" + ip, "lost").raise_for_status()
  maand.kv_put_secret("secrets/job/" + job, "secret_" + ip, "lost").raise_for_status()
  raise SystemExit("broken on purpose")
maand.kv_put("vars/job/" + job, "var_" + ip, maand.env("NEW_VERSION")).raise_for_status()
maand.kv_put("vars/job/" + job, "shared", "the same").raise_for_status()
maand.kv_put_secret("secrets/job/" + job, "secret_" + ip, "hush " + ip).raise_for_status()
`;

function writeWritingJob(event: string, manifest: Record<string, unknown> = {}, version = "1.0.0"): void {
  writeJob(bucket, "api", {
    version,
    manifest: { hooks: { hook_write: { executed_on: [event] } }, ...manifest },
    files: { "_hooks/hook_write.py": writing },
  });
}

/** What is durable of a key of the job: its value, or undefined. */
async function stored(key: string, kind: "vars" | "secrets" = "vars"): Promise<string | undefined> {
  const reveal = kind === "secrets" ? ["--reveal"] : [];
  const { code, stdout } = await bucket.maand("cat", "kv", "get", `${kind}/job/api`, key, ...reveal);
  return code === 0 ? stdout.trimEnd() : undefined;
}

/** What is stored of the three allocations: [variable, secret] each. */
const storedOfAll = () =>
  Promise.all(
    fleet.ips.map(async (ip) => [await stored(`var_${ip}`), await stored(`secret_${ip}`, "secrets")]),
  );

/** Worker and promoted version of every allocation that has one. */
function promotedVersions(): [string, string][] {
  const catalog = new Database(bucket.path("data/maand.db"), { readonly: true });
  const rows = catalog
    .query<{ ip: string; version: string }, []>(
      `SELECT worker_ip AS ip, promoted_version AS version FROM deployment JOIN allocation USING (alloc_id)
       WHERE promoted_version IS NOT NULL`,
    )
    .all();
  catalog.close();
  return rows.map(({ ip, version }) => [ip, version]);
}

const statusesOf = async (): Promise<string[]> => {
  const { json } = await bucket.maandJson<DeployJson>("deploy");
  const outcomes = outcomesOf(json, "api");
  return fleet.ips.map((ip) => outcomes[ip]!);
};

test.each(["after_allocation_started", "job_control"])(
  "a mate's failing %s takes nothing from the others, and the mate's own writes go with it",
  async (event) => {
    const [a, b, c] = fleet.ips as [string, string, string];
    writeWritingJob(event, { max_concurrent_upgrades: 3 });
    bucket.write("fail", b);
    await build(bucket);
    expect(await statusesOf()).toEqual(["start done", "start failed", "start done"]);
    expect(await storedOfAll()).toEqual([
      ["1.0.0", `hush ${a}`],
      [undefined, undefined],
      ["1.0.0", `hush ${c}`],
    ]);
    expect(await stored("shared")).toBe("the same");
    bucket.remove("fail");
    expect((await bucket.maand("deploy")).code).toBe(0);
    expect((await storedOfAll())[1]).toEqual(["1.0.0", `hush ${b}`]);
  },
);

test("a mate's failing gate takes nothing either", async () => {
  const [a, b, c] = fleet.ips as [string, string, string];
  writeWritingJob("after_allocation_started", { ...sickGate, max_concurrent_upgrades: 3 });
  await build(bucket);
  expect((await bucket.maand("deploy")).code).toBe(0);
  await makeSick(fleet, 1);
  writeWritingJob("after_allocation_started", { ...sickGate, max_concurrent_upgrades: 3 }, "1.1.0");
  await build(bucket);
  try {
    expect(await statusesOf()).toEqual(["restart done", "restart failed", "restart done"]);
  } finally {
    await makeWell(fleet, 1);
  }
  expect(await storedOfAll()).toEqual([
    ["1.1.0", `hush ${a}`],
    ["1.0.0", `hush ${b}`],
    ["1.1.0", `hush ${c}`],
  ]);
});

test("maand job: what the hook of one allocation wrote stays when another's fails", async () => {
  const [a, b, c] = fleet.ips as [string, string, string];
  writeWritingJob("job_control", { max_concurrent_upgrades: 3 });
  await build(bucket);
  expect((await bucket.maand("deploy")).code).toBe(0);
  for (const ip of [a, b, c]) expect(await stored(`var_${ip}`)).toBe("1.0.0");
  // A new key tells what this run wrote.
  bucket.write(
    "workspace/jobs/api/_hooks/hook_write.py",
    `${writing}maand.kv_put("vars/job/" + job, "run_" + ip, "kept").raise_for_status()\n`,
  );
  await build(bucket);
  bucket.write("fail", b);
  expect((await bucket.maand("job", "restart", "api")).code).toBe(1);
  expect(await Promise.all([a, b, c].map((ip) => stored(`run_${ip}`)))).toEqual(["kept", undefined, "kept"]);
  expect(await stored(`var_${b}`)).toBe("1.0.0");
});

test("kill -9 right after a promotion, or right before: what is promoted has its writes, what is not has none", async () => {
  for (let round = 1; round <= 8; round++) {
    const version = `2.${round}.0`;
    writeWritingJob("after_allocation_started", { max_concurrent_upgrades: 1 }, version);
    await build(bucket);
    const run = bucket.start(["deploy"]);
    // Even rounds: the moment the first promotion can be seen. Odd ones: somewhere in the rollout.
    const isPromoted = () => promotedVersions().some(([, promoted]) => promoted === version);
    if (round % 2 === 0) await eventually(isPromoted, "the first promotion");
    else await Bun.sleep(150 + round * 40);
    run.kill("SIGKILL");
    await run.wait();
    expect(integrityOf(bucket)).toBe("ok");
    for (const [ip, promoted] of promotedVersions())
      expect([ip, await stored(`var_${ip}`)]).toEqual([ip, promoted]);
    expect((await bucket.maand("deploy")).code).toBe(0);
  }
});
