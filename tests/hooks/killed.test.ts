// kill -9 while hooks run: whatever they started ends at once, in whatever session, and no second writer begins beside it.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { writeBareJob } from "../support/builders/jobs.ts";
import { startMaand } from "../support/maand.ts";
import { marked, newMark } from "../support/marked.ts";
import { useBucket } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const bucket = useBucket();

/** A hook that starts a child in its group and a daemon that leaves it, says so, and works on for a minute. */
const hooks: Record<string, [file: string, script: string, more?: object]> = {
  python: [
    "hook_slow.py",
    `import os, subprocess, time
subprocess.Popen(["sleep", "61"])
subprocess.Popen(["sleep", "62"], start_new_session=True)
open(os.environ["BUCKET_ROOT"] + "/begun", "w").close()
while True: time.sleep(0.01)
`,
  ],
  "in a process": ["hook_slow.ts", typescript(), { isolation: "process" }],
  "in a thread": ["hook_slow.ts", typescript()],
};

function typescript(): string {
  return `import { writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
Bun.spawn(["sleep", "61"]);
spawn("sleep", ["62"], { detached: true, stdio: "ignore" });
writeFileSync(process.env.BUCKET_ROOT + "/begun", "");
Bun.sleepSync(60_000);
`;
}

function writeHook(name: string): void {
  const [file, script, more = {}] = hooks[name]!;
  bucket.write("workspace/workers.json", [{ host: "127.0.0.1" }]);
  const manifest = {
    version: "1.0.0",
    selectors: ["worker"],
    hooks: { hook_slow: { executed_on: ["post_build"], ...more } },
  };
  writeBareJob(bucket, "web", manifest, { [`_hooks/${file}`]: script });
}

/** Starts a build and waits until its hook is at work. */
async function startBuild(env: Record<string, string>) {
  const build = startMaand(["build"], { cwd: bucket.dir, env });
  await eventually(() => existsSync(bucket.path("begun")), "the hook began");
  return build;
}

for (const name of Object.keys(hooks)) {
  test(`a hook ${name}, its child and its daemon end with a maand that is killed`, async () => {
    writeHook(name);
    const mark = newMark();
    const build = await startBuild(mark);
    expect(marked(mark).filter((line) => / sleep 6[12]$/.test(line))).toHaveLength(2);
    build.kill("SIGKILL");
    await build.wait().catch(() => undefined);
    await eventually(() => marked(mark).length === 0, `all has ended: ${marked(mark).join("; ")}`);
  });
}

/** The guard beside a maand: a shell of its own that knows the run. */
function guardOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const guard = children.find((child) =>
    readFileSync(`/proc/${child}/cmdline`, "latin1").includes("maand-guard"),
  );
  if (guard === undefined) throw new Error("there is no guard");
  return guard;
}

test("the next command ends what is left before it begins, should the guard have been killed as well", async () => {
  writeHook("python");
  const mark = newMark();
  const build = await startBuild(mark);
  process.kill(guardOf(build.pid), "SIGKILL");
  build.kill("SIGKILL");
  await build.wait().catch(() => undefined);
  await Bun.sleep(300);
  expect(marked(mark)).toHaveLength(3);
  writeBareJob(bucket, "web", { version: "1.0.0", selectors: ["worker"] });
  const next = await bucket.maand("build");
  expect(`${next.code} ${next.stderr}`).toStartWith("0 ");
  expect(next.stderr).toContain(
    `maand build (pid ${build.pid}) was killed and left 3 processes of its hooks running; ended`,
  );
  expect(marked(mark)).toEqual([]);
});

test("the guard ends with a run that comes to its end", async () => {
  const [file] = hooks.python!;
  writeHook("python");
  bucket.write(`workspace/jobs/web/_hooks/${file}`, "import time\ntime.sleep(0.5)\n");
  const build = startMaand(["build"], { cwd: bucket.dir });
  let guard = 0;
  await eventually(() => {
    try {
      guard = guardOf(build.pid);
    } catch {
      return false;
    }
    return true;
  }, "there is a guard");
  expect((await build.wait()).code).toBe(0);
  expect(existsSync(`/proc/${guard}/environ`) && readFileSync(`/proc/${guard}/cmdline`, "utf8") !== "").toBe(
    false,
  );
});
