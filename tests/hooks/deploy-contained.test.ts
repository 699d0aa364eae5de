// Bad hooks in real deploys through the executable: each is contained and told of, and the rest of the deploy is done.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { allCalls, type DeployJson } from "../support/deployed.ts";
import { maandPath } from "../support/maand.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { isRunning } from "../support/watch.ts";

const fleet = useFleet(1);
const bucket = useBucket(fleet);
beforeEach(() => {
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(/^command_timeout.*$/m, "command_timeout = 4"),
  );
});

interface BadHook {
  script: Record<"ts" | "py", string | undefined>;
  /** Whether the deploy fails, and what is said of it; what is not a failure is a warning or in the log. */
  fails: boolean;
  says: string | undefined;
}

const table: Record<string, BadHook> = {
  "an endless loop": {
    script: { ts: "for (;;);", py: "while True: pass" },
    fails: true,
    says: "did not end within 4 s",
  },
  "a memory hog": {
    script: {
      ts: "const a = []; for (;;) a.push(new Uint8Array(4e6).fill(1));",
      py: "a = []\nwhile True: a.append(bytearray(b'x' * 4000000))",
    },
    fails: true,
    says: "used more than 200 MiB of memory",
  },
  "an exit with status 3": {
    script: { ts: "process.exit(3);", py: "raise SystemExit(3)" },
    fails: true,
    says: "ended with status 3",
  },
  "an unhandled rejection": {
    script: { ts: "void Promise.reject(new Error('nobody listens')); await Bun.sleep(500);", py: undefined },
    fails: true,
    says: "nobody listens",
  },
  "100 MB of output": {
    script: {
      ts: "for (let i = 0; i < 100_000; i++) console.log('x'.repeat(999));",
      py: "for i in range(100_000): print('x' * 999)",
    },
    fails: false,
    says: "bytes of further output",
  },
  "a child that outlives it": {
    script: {
      ts: "const c = Bun.spawn(['sleep', '1000'], { stdio: ['inherit', 'inherit', 'inherit'] }); c.unref(); await Bun.write('pid', String(c.pid));",
      py: "import subprocess; open('pid', 'w').write(str(subprocess.Popen(['sleep', '1000']).pid))",
    },
    fails: false,
    says: "left 1 process running",
  },
  "a maand deploy of its own": {
    script: {
      ts: `const { exitCode, stderr } = Bun.spawnSync([process.env.MAAND_SELF!, "deploy"]); if (exitCode !== 0) throw new Error(stderr.toString());`,
      py: "import os, subprocess, sys; p = subprocess.run([os.environ['MAAND_SELF'], 'deploy'], capture_output=True, text=True); sys.exit(p.stderr)",
    },
    fails: true,
    says: "cannot run inside a hook",
  },
};

const cases = Object.entries(table).flatMap(([what, bad]) =>
  (["ts", "ts in a process", "py"] as const).flatMap((runtime) => {
    const script = bad.script[runtime === "py" ? "py" : "ts"];
    return script === undefined ? [] : [{ what, runtime, script, bad }];
  }),
);

describe.each(["pre_deploy", "post_deploy"])("in %s", (event) => {
  test.each(cases)("$what, $runtime", async ({ runtime, script, bad }) => {
    const file = runtime === "py" ? "hook_bad.py" : "hook_bad.ts";
    const text = runtime === "py" ? `${script}\n` : `export default async () => { ${script} };\n`;
    const isolation = runtime === "ts in a process" ? { isolation: "process" } : {};
    const hook = { hook_bad: { executed_on: [event], ...isolation } };
    writeJob(bucket, "api", { manifest: { hooks: hook }, files: { [`_hooks/${file}`]: text } });
    writeJob(bucket, "other");
    await build(bucket);
    const env = { MAAND_SELF: maandPath(), MAAND_HOOK_MEMORY_MB: "200" };
    const outcome = await bucket.start(["deploy", "--json"], { env }).wait();
    const json = JSON.parse(outcome.stdout) as DeployJson;
    expect(outcome.code).toBe(bad.fails ? 1 : 0);
    expect(json.ok).toBe(!bad.fails);
    if (bad.says !== undefined) expect(outcome.stderr + outcome.stdout).toContain(bad.says);
    expect((await allCalls(fleet, bucket, "other")).flat()).toEqual(["start 0.0.0 1.0.0"]);
    const touched = !bad.fails || event === "post_deploy";
    expect((await allCalls(fleet, bucket, "api")).flat()).toEqual(touched ? ["start 0.0.0 1.0.0"] : []);
    if (script.includes("pid"))
      expect(isRunning(Number(readFileSync(bucket.path("pid"), "utf8")))).toBe(false);

    // Once it is fixed the next deploy finishes what is left.
    writeJob(bucket, "api", { manifest: { hooks: hook }, files: { [`_hooks/${file}`]: "" } });
    await build(bucket);
    const next = await bucket.maand("deploy");
    expect(`${next.code} ${next.stdout}${next.stderr}`).toStartWith("0 ");
    expect((await allCalls(fleet, bucket, "api")).flat()).toEqual(["start 0.0.0 1.0.0"]);
  });
});
