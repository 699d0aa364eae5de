// Links that somebody has planted on a worker: none is written through, and a job that was moved to another disk stays there.

import { Database } from "bun:sqlite";
import { beforeEach, expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(1);
const bucket = useBucket(fleet);

const root = async () => (await jobDirectory(bucket, "web")).replace(/\/jobs\/web$/, "");
const victim = async () =>
  (await fleet.exec(0, "cd /victim && find . -printf '%p %m %u\n' | sort; cat precious keep/f")).stdout;

beforeEach(async () => {
  await fleet.reinstall(0);
  await fleet.exec(
    0,
    "rm -rf /victim /disk /elsewhere; mkdir -p /victim/keep; echo precious | tee /victim/precious > /victim/keep/f; chmod 700 /victim",
  );
  writeJob(bucket, "web", { files: { "sub/f": "one", top: "one" } });
});

async function deploySecond(): Promise<{ code: number | null; said: string }> {
  writeJob(bucket, "web", { version: "1.0.1", files: { "sub/f": "two", top: "two" } });
  await build(bucket);
  const { code, stdout, stderr } = await bucket.maand("deploy");
  return { code, said: stdout + stderr };
}

test.each([
  ["the bucket's directory", "mv $D /opt/real && ln -s /victim $D"],
  ["jobs", "rm -r $D/jobs && ln -s /victim $D/jobs"],
  ["bin", "rm -r $D/bin && ln -s /victim $D/bin"],
])("%s: the worker is refused, with what was met", async (_, plant) => {
  await buildAndDeploy(bucket);
  await fleet.exec(0, `D=${await root()}; rm -rf /opt/real; ${plant}`);
  const before = await victim();
  const { code, said } = await deploySecond();
  expect([code, said]).toEqual([1, expect.stringContaining("-> /victim")]);
  expect(await victim()).toBe(before);
});

test("the bucket's directory before the first deploy, and one that belongs to somebody else", async () => {
  await build(bucket);
  const dir = await root();
  const before = await victim();
  await fleet.exec(0, `ln -s /victim ${dir}`);
  expect((await bucket.maand("deploy")).code).toBe(1);
  expect(await victim()).toBe(before);
  await fleet.exec(0, `rm ${dir} && mkdir ${dir} && chown agent ${dir}`);
  const refused = await bucket.maand("deploy");
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining("belongs to another user")]);
});

test.each([
  ["a directory of the job", "rm -r $D/jobs/web/sub && ln -s /victim $D/jobs/web/sub"],
  ["a file of the job", "ln -sf /victim/precious $D/jobs/web/top"],
  ["the mark of the last sync", "ln -sf /victim/precious $D/jobs/web/.maand-synced"],
  ["the runner", "ln -sf /victim/precious $D/bin/runner.py"],
  ["worker.json", "ln -sf /victim/precious $D/worker.json"],
  ["jobs.json", "ln -sf /victim/precious $D/jobs.json"],
  [
    "a name that an older maand wrote to first",
    "ln -s /victim/precious $D/worker.json.new; echo x > $D/bin/runner.py; ln -s /victim/precious $D/bin/runner.py.new",
  ],
])("%s: the link is replaced or left alone, not followed", async (_, plant) => {
  await buildAndDeploy(bucket);
  const dir = await root();
  await fleet.exec(0, `D=${dir}; ${plant}`);
  const before = await victim();
  const { code, said } = await deploySecond();
  expect([code, said]).toEqual([0, expect.stringContaining("1 done")]);
  expect(await victim()).toBe(before);
  const files = await fleet.exec(
    0,
    `cd ${dir} && cat jobs/web/sub/f jobs/web/top && head -c 20 worker.json && test ! -L bin/runner.py`,
  );
  expect([files.code, files.stdout]).toEqual([0, expect.stringContaining('twotwo{"bucket_id"')]);
});

test("a job that was moved to a larger disk is kept there and synced into", async () => {
  await buildAndDeploy(bucket);
  const dir = await root();
  await fleet.exec(
    0,
    `mkdir /disk && mv ${dir}/jobs/web /disk/ && ln -s /disk/web ${dir}/jobs/web && echo 1 > /disk/web/data/db`,
  );
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  expect((await deploySecond()).code).toBe(0);
  const there = await fleet.exec(0, `test -L ${dir}/jobs/web && cat /disk/web/sub/f /disk/web/data/db`);
  expect([there.code, there.stdout]).toEqual([0, "two1\n"]);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");

  // The disk is not mounted: nothing may be put in its place.
  await fleet.exec(0, "mv /disk /unmounted");
  writeJob(bucket, "web", { version: "1.0.2" });
  await build(bucket);
  const refused = await bucket.maand("deploy");
  expect([refused.code, refused.stdout]).toEqual([
    1,
    expect.stringContaining("the link leads to no directory"),
  ]);
  expect((await fleet.exec(0, `test -L ${dir}/jobs/web && test ! -e ${dir}/jobs/web`)).code).toBe(0);
  await fleet.exec(0, "mv /unmounted /disk");
});

test("a job that was moved after an older maand had deployed it has no mark, and is synced into", async () => {
  await buildAndDeploy(bucket);
  const dir = await root();
  await fleet.exec(0, `mkdir /disk && mv ${dir}/jobs/web /disk/ && ln -s /disk/web ${dir}/jobs/web`);
  await fleet.exec(0, "rm /disk/web/.maand-synced");
  const older = new Database(bucket.path("data/maand.db"));
  older.run("UPDATE deployment SET synced_hash = NULL");
  older.close();
  expect((await deploySecond()).code).toBe(0);
  const there = await fleet.exec(0, `test -L ${dir}/jobs/web && cat /disk/web/sub/f`);
  expect([there.code, there.stdout]).toEqual([0, "two"]);
});

test("a link to files that no sync has put there is refused, and they stay; data/ alone may lie there", async () => {
  const dir = await root();
  const elsewhere = `mkdir -p /elsewhere/data ${dir}/jobs && ln -s /elsewhere ${dir}/jobs/web && echo 1 > /elsewhere/data/db`;
  await fleet.exec(0, `${elsewhere} && echo precious > /elsewhere/.hidden`);
  await build(bucket);
  for (let attempt = 0; attempt < 2; attempt++) {
    const refused = await bucket.maand("deploy");
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringContaining("a link to a directory with files that no sync has put there"),
    ]);
    expect((await fleet.exec(0, "cat /elsewhere/.hidden")).stdout).toBe("precious\n");
  }
  await fleet.exec(0, "rm /elsewhere/.hidden");
  await buildAndDeploy(bucket);
  const there = await fleet.exec(
    0,
    `test -L ${dir}/jobs/web && cat /elsewhere/data/db && ls /elsewhere/Makefile`,
  );
  expect([there.code, there.stdout]).toEqual([0, "1\n/elsewhere/Makefile\n"]);
});
