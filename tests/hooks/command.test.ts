// maand hooks through the executable: which hook of which job, what is printed, what of the KV is kept.

import { beforeEach, describe, expect, test } from "bun:test";
import { writeBareJob } from "../support/builders/jobs.ts";
import { useBucket } from "../support/use.ts";

const bucket = useBucket();
beforeEach(() => {
  bucket.write("workspace/workers.json", [{ host: "10.98.0.1" }, { host: "10.98.0.2" }]);
});

function writeJob(
  name: string,
  hooks: Record<string, unknown>,
  files: Record<string, string>,
  more: object = {},
): void {
  writeBareJob(bucket, name, { version: "1.0.0", selectors: ["worker"], hooks, ...more }, files);
}

async function build(): Promise<void> {
  const { code, stderr } = await bucket.maand("build");
  if (code !== 0) throw new Error(stderr);
}

const cli = { executed_on: ["cli"] };
const writing = `import { allocationIp, jobName, putJobVariable } from "maand";
export default async () => {
  await putJobVariable("by-" + allocationIp(), "yes");
  console.log("wrote", jobName());
  if (jobName() === "bad" && allocationIp() === "10.98.0.2") throw new Error("broken on purpose");
};
`;

test("without a job it runs every job that declares it, each with its own checkpoint", async () => {
  for (const job of ["good", "bad"]) writeJob(job, { hook_w: cli }, { "_hooks/hook_w.ts": writing });
  writeJob("unrelated", { hook_x: cli }, { "_hooks/hook_x.ts": "" });
  await build();
  const { code, json, stderr } = await bucket.maandJson<{ ok: boolean; results: Record<string, unknown>[] }>(
    "hooks",
    "hook_w",
  );
  expect(code).toBe(1);
  expect(json.ok).toBe(false);
  expect(json.results.map(({ job, worker_ip, status }) => `${job} ${worker_ip} ${status}`)).toEqual([
    "bad 10.98.0.1 done",
    "bad 10.98.0.2 failed",
    "good 10.98.0.1 done",
    "good 10.98.0.2 done",
  ]);
  expect(json.results[1]!.error).toMatchObject({
    kind: "hook",
    file: "workspace/jobs/bad/_hooks/hook_w.ts",
    line: 5,
    job: "bad",
    worker: "10.98.0.2",
  });
  expect(stderr).toContain("good@10.98.0.1 | wrote good");
  expect((await bucket.maand("cat", "kv", "get", "vars/job/good", "by-10.98.0.2")).stdout).toBe("yes\n");
  expect((await bucket.maand("cat", "kv", "get", "vars/job/bad", "by-10.98.0.1")).code).toBe(1);
});

describe("what cannot be run is told before anything runs", () => {
  test.each([
    [["hook_w", "nothing"], 'job "nothing" is not in the catalog', "good"],
    [["hook_v", "good"], 'job "good" has no hook "hook_v"', 'did you mean "hook_w"?'],
    [["hook_v"], 'no job has a hook "hook_v"', 'did you mean "hook_w"?'],
    [
      ["hook_later", "good"],
      'hook "hook_later" is not declared for the event cli',
      'add "cli" to executed_on',
    ],
  ])("%j", async (args, what, hint) => {
    writeJob(
      "good",
      { hook_w: cli, hook_later: { executed_on: ["post_deploy"] } },
      { "_hooks/hook_w.ts": writing, "_hooks/hook_later.py": "" },
    );
    await build();
    const { code, stderr } = await bucket.maand("hooks", ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(what);
    expect(stderr).toContain(hint);
  });
});

test("the order that a hook sets is followed by the next one", async () => {
  const script = `import maand
print(maand.env("ROLLOUT_ORDER"), maand.env("ROLLOUT_ORDER_SOURCE"))
maand.put_rollout_order(["10.98.0.2", "10.98.0.1"]).raise_for_status()
`;
  writeJob("api", { hook_order: cli }, { "_hooks/hook_order.py": script });
  await build();
  const printed = async () =>
    (await bucket.maand("hook", "hook_order", "api")).stderr
      .split("\n")
      .filter((line) => line.includes(" | "));
  expect(await printed()).toEqual(
    ["10.98.0.1", "10.98.0.2"].map((ip) => `api@${ip} | 10.98.0.1,10.98.0.2 default`),
  );
  expect(await printed()).toEqual(
    ["10.98.0.2", "10.98.0.1"].map((ip) => `api@${ip} | 10.98.0.2,10.98.0.1 kv`),
  );
});

test("nothing that a hook writes anywhere gets into the results", async () => {
  const script = `import { writeSync } from "node:fs";
import { execSync } from "node:child_process";
import { $ } from "bun";
export default async () => {
  console.log("1");
  process.stdout.write("2\\n");
  writeSync(1, "3\\n");
  await $\`echo 4\`;
  execSync("echo 5; echo 6 >&2", { stdio: "inherit" });
  await Bun.write(Bun.stdout, "7\\n");
};
`;
  writeJob(
    "api",
    { hook_loud: cli, hook_apart: { ...cli, isolation: "process" } },
    { "_hooks/hook_loud.ts": script, "_hooks/hook_apart.ts": script },
  );
  await build();
  for (const hook of ["hook_loud", "hook_apart"]) {
    const { code, json, stderr } = await bucket.maandJson<{ ok: boolean }>("hooks", hook, "api");
    expect([code, json.ok]).toEqual([0, true]);
    const lines = stderr
      .split("\n")
      .flatMap((line) => (line.startsWith("api@10.98.0.1 | ") ? [line.slice(-1)] : []));
    expect(lines.sort()).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
  }
});

test("--verbose tells what a hook asks of the API, without values", async () => {
  const script =
    'import maand\nmaand.put_job_secret("p", "sesame-" + "street")\nmaand.put_job_variable("v", "plain-" + "value")\n';
  writeJob("api", { hook_p: cli }, { "_hooks/hook_p.py": script });
  await build();
  const { stderr } = await bucket.maand("hooks", "hook_p", "api", "--verbose");
  expect(stderr).toContain("PUT /kv/secret secrets/job/api p → 200");
  expect(stderr).not.toContain("sesame-street");
  expect(stderr).not.toContain("plain-value");
});

test("a certificate and the allocation's rendered files are there to read", async () => {
  const script = `import { readFileSync } from "node:fs";
import { allocationIp, findBucketRoot, jobName } from "./maand";
const staged = findBucketRoot() + "/tmp/workers/" + allocationIp() + "/jobs/" + jobName();
console.log(readFileSync(staged + "/app.conf", "utf8").trim(), readFileSync(staged + "/certs/tls.crt", "utf8") === readFileSync(import.meta.dir + "/certs/tls.crt", "utf8"));
`;
  const certs = { tls: { subject: { common_name: "api" }, key: "ecdsa-p256" } };
  writeJob(
    "api",
    { hook_c: cli },
    { "_hooks/hook_c.ts": script, "app.conf.tpl": "ip={{ .WorkerIP }}\n" },
    { certs },
  );
  await build();
  const { code, stderr } = await bucket.maand("hooks", "hook_c", "api");
  expect(code).toBe(0);
  expect(stderr).toContain("api@10.98.0.2 | ip=10.98.0.2 true");
});

test("--watch runs the hook as it is in the workspace, again after each save, until Ctrl-C", async () => {
  writeJob("api", { hook_w: cli }, { "_hooks/hook_w.ts": 'console.log("built");\n' });
  await build();
  const watching = bucket.start(["hooks", "hook_w", "api", "--watch"]);
  await watching.waitForStderr("waiting for a change");
  expect(watching.stderrText()).toContain("| built");
  bucket.write("workspace/jobs/api/_hooks/hook_w.ts", 'import { word } from "./word";\nconsole.log(word);\n');
  bucket.write("workspace/jobs/api/_hooks/word.ts", 'export const word = "edited";\n');
  await watching.waitForStderr("| edited");
  bucket.write(
    "workspace/jobs/api/_hooks/word.ts",
    'export const word = 1;\nthrow new Error("broken on purpose");\n',
  );
  await watching.waitForStdout("broken on purpose");
  bucket.write("workspace/jobs/api/_hooks/word.ts", 'export const word = "fixed";\n');
  await watching.waitForStderr("| fixed");
  watching.kill("SIGINT");
  const { code } = await watching.wait();
  expect(code).toBe(130);
  expect((await bucket.maand("hooks", "hook_w", "--watch")).code).toBe(2);
});

test("a killed maand loses what its hook had not been given a checkpoint for, and nothing else", async () => {
  const script = `import { allocationIp, putJobVariable } from "maand";
export default async () => {
  (await putJobVariable("half", allocationIp())).raiseForStatus();
  console.log("written");
  await Bun.sleep(60_000);
};
`;
  writeJob("api", { hook_k: cli }, { "_hooks/hook_k.ts": script });
  await build();
  const running = bucket.start(["hooks", "hook_k", "api"]);
  await running.waitForStderr("| written");
  running.kill("SIGKILL");
  await running.wait();
  expect((await bucket.maand("cat", "kv", "get", "vars/job/api", "half")).code).toBe(1);
  expect((await bucket.maand("build")).code).toBe(0);
});
