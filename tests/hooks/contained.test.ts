// What a hook can do wrong, in each runtime: contained, told with the place in the user's own file, and the next one runs.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HookRun } from "../../src/hooks/call.ts";
import type { Room } from "../support/builders/hook-room.ts";
import { hooks, useRooms } from "../support/builders/hook-room.ts";
import { isRunning } from "../support/watch.ts";

const makeRoom = useRooms();

const worker = [{ host: "10.99.0.1", labels: ["api"] }];

interface Bad {
  file: string;
  text: string;
  isolation?: "process";
  conf?: string;
}

/** Runs the bad hook, then a good one of the same job: whatever the first did must not have harmed the run. */
async function runBad(bad: Bad): Promise<{ room: Room; run: HookRun }> {
  const room = await makeRoom(
    {
      api: {
        manifest: {
          hooks: hooks({
            hook_bad: {
              executed_on: ["cli"],
              ...(bad.isolation === undefined ? {} : { isolation: bad.isolation }),
            },
            hook_good: ["cli"],
          }),
        },
        files: {
          [`_hooks/${bad.file}`]: bad.text,
          "_hooks/hook_good.ts":
            'import { allocationIp } from "maand";\nexport default () => console.log("good", allocationIp());\n',
        },
      },
    },
    { workers: worker, ...(bad.conf === undefined ? {} : { conf: bad.conf }) },
  );
  const cwd = process.cwd();
  const run = await room.host.run({ event: "cli", job: "api", hook: "hook_bad" });
  const good = await room.host.run({ event: "cli", job: "api", hook: "hook_good" });
  expect(good.error).toBeUndefined();
  expect(room.output()).toContain("good 10.99.0.1");
  await room.host.close();
  expect(process.cwd()).toBe(cwd);
  return { room, run };
}

const short = "command_timeout = 2\n";

describe("a hook that throws is told with the line of the user's file", () => {
  const table: [string, Bad, number, string][] = [
    [
      "ts",
      {
        file: "hook_bad.ts",
        text: "interface A {\n  x: number;\n}\nfunction deep(a: A): never {\n  throw new Error('boom ' + a.x);\n}\nexport default async () => {\n  await Bun.sleep(1);\n  deep({ x: 7 });\n};\n",
      },
      5,
      "boom 7",
    ],
    [
      "js",
      { file: "hook_bad.js", text: "\n\nmodule.exports = () => { throw new TypeError('boom 7'); };\n" },
      3,
      "TypeError: boom 7",
    ],
    [
      "ts in a process",
      {
        file: "hook_bad.ts",
        isolation: "process",
        text: "const n: number = 7;\nexport default async () => {\n  throw new Error('boom ' + n);\n};\n",
      },
      3,
      "boom 7",
    ],
    [
      "py",
      { file: "hook_bad.py", text: "def deep():\n    raise ValueError('boom 7')\n\ndeep()\n" },
      2,
      "ValueError: boom 7",
    ],
    [
      "an unhandled rejection",
      {
        file: "hook_bad.ts",
        text: "export default async () => {\n  void Promise.reject(new Error('boom 7'));\n  await Bun.sleep(100);\n};\n",
      },
      2,
      "boom 7",
    ],
    [
      "an unhandled rejection in a process",
      {
        file: "hook_bad.ts",
        isolation: "process",
        text: "export default async () => {\n  void Promise.reject(new Error('boom 7'));\n  await Bun.sleep(100);\n};\n",
      },
      2,
      "boom 7",
    ],
    [
      "a throw in a timer",
      { file: "hook_bad.ts", text: "setTimeout(() => {\n  throw new Error('boom 7');\n}, 5);\n" },
      2,
      "boom 7",
    ],
    [
      "a cause",
      {
        file: "hook_bad.ts",
        text: "export default () => {\n  throw new Error('outer', { cause: new Error('boom 7') });\n};\n",
      },
      2,
      "caused by Error: boom 7",
    ],
    [
      "what cannot be parsed",
      { file: "hook_bad.ts", text: "const a = 1;\nexport default () => { const x = ; };\n" },
      2,
      "Unexpected ;",
    ],
  ];
  test.each(table)("%s", async (_, bad, line, message) => {
    const { room, run } = await runBad(bad);
    const file = `workspace/jobs/api/_hooks/${bad.file}`;
    expect(run.error?.where).toMatchObject({ file, line, job: "api", worker: "10.99.0.1" });
    expect(run.error?.why).toContain(message);
    expect(run.error?.why).not.toContain(join(room.dir, "tmp"));
    expect(run.error?.kind).toBe("hook");
    await room.close();
  });
});

describe("a hook that ends badly", () => {
  const table: [string, Bad, string][] = [
    [
      "process.exit(3) in a thread",
      { file: "hook_bad.ts", text: "console.log('last words'); process.exit(3);\n" },
      "ended with status 3",
    ],
    [
      "process.exit(3) in a process",
      { file: "hook_bad.ts", isolation: "process", text: "console.log('last words'); process.exit(3);\n" },
      "ended with status 3",
    ],
    [
      "sys.exit(3)",
      { file: "hook_bad.py", text: "import sys\nprint('last words'); sys.exit(3)\n" },
      "ended with status 3",
    ],
    [
      "process.exitCode",
      { file: "hook_bad.js", text: "console.log('last words'); process.exitCode = 3;\n" },
      "ended with status 3",
    ],
    [
      "a signal",
      { file: "hook_bad.py", text: "import os\nprint('last words'); os.kill(os.getpid(), 9)\n" },
      "ended by SIGKILL",
    ],
  ];
  test.each(table)("%s", async (_, bad, message) => {
    const { room, run } = await runBad(bad);
    expect(run.error?.message).toContain(message);
    expect(run.error?.why).toContain("last words");
    await room.close();
  });

  test("nothing that is thrown is lost, whatever it is", async () => {
    const { room, run } = await runBad({ file: "hook_bad.ts", text: 'throw { code: 42, what: "odd" };\n' });
    expect(run.error?.why).toContain("42");
    await room.close();
  });

  test("a module that is not there", async () => {
    const { room, run } = await runBad({ file: "hook_bad.ts", text: 'import "left-pad";\n' });
    expect(run.error?.why).toContain("left-pad");
    await room.close();
  });
});

describe("a hook that does not end", () => {
  const table: [string, Bad][] = [
    ["an endless loop in a thread", { file: "hook_bad.ts", text: "export default () => { for (;;); };\n" }],
    [
      "an endless loop in a process",
      { file: "hook_bad.ts", isolation: "process", text: "export default () => { for (;;); };\n" },
    ],
    ["an endless loop in Python", { file: "hook_bad.py", text: "while True: pass\n" }],
    [
      "a thread that waits for a child",
      {
        file: "hook_bad.ts",
        text: 'import { execSync } from "node:child_process";\nexport default () => execSync("sleep 1000");\n',
      },
    ],
    [
      "a thread that waits for memory",
      { file: "hook_bad.ts", text: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);\n" },
    ],
    [
      "an open timer",
      { file: "hook_bad.ts", text: "export default () => { setInterval(() => {}, 1000); };\n" },
    ],
    [
      "a Python that ignores signals",
      {
        file: "hook_bad.py",
        text: "import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(1000)\n",
      },
    ],
  ];
  test.each(table)("%s", async (_, bad) => {
    const { room, run } = await runBad({ ...bad, conf: short });
    expect(run.error?.message).toContain("did not end within 2 s");
    expect(run.error?.message).not.toContain("could not be ended");
    await room.close();
  });

  test("a returned default export is named as what it is not", async () => {
    const text = "export default () => { setInterval(() => {}, 1000); };\n";
    const { room, run } = await runBad({ file: "hook_bad.ts", text, conf: short });
    expect(run.error?.hint).toContain("it had returned");
    await room.close();
  });
});

describe("a hook that takes too much", () => {
  const hog = "const a = [];\nexport default () => { for (;;) a.push(new Uint8Array(4e6).fill(1)); };\n";
  const polite =
    "const a = [];\nexport default async () => { for (;;) { a.push(new Uint8Array(4e6).fill(1)); await Bun.sleep(1); } };\n";
  const table: [string, Bad][] = [
    ["in a thread that never rests", { file: "hook_bad.js", text: hog }],
    ["in a thread", { file: "hook_bad.js", text: polite }],
    ["in a process", { file: "hook_bad.js", isolation: "process", text: hog }],
    ["in Python", { file: "hook_bad.py", text: "a = []\nwhile True: a.append(bytearray(b'x' * 4000000))\n" }],
  ];
  test.each(table)("memory %s", async (_, bad) => {
    process.env.MAAND_HOOK_MEMORY_MB = "256";
    try {
      const { room, run } = await runBad(bad);
      expect(run.error?.message).toContain("used more than 256 MiB of memory");
      await room.close();
    } finally {
      delete process.env.MAAND_HOOK_MEMORY_MB;
    }
  });

  const line = "x".repeat(999);
  const flood: [string, Bad][] = [
    [
      "from a thread",
      {
        file: "hook_bad.js",
        text: `export default () => { for (let i = 0; i < 100_000; i++) console.log(${JSON.stringify(line)}); };\n`,
      },
    ],
    [
      "from a process",
      {
        file: "hook_bad.js",
        isolation: "process",
        text: `import { writeSync } from "node:fs";\nexport default () => { for (let i = 0; i < 100_000; i++) console.log(${JSON.stringify(line)}); };\n`,
      },
    ],
    [
      "from Python",
      {
        file: "hook_bad.py",
        text: `import sys\nfor i in range(100_000): sys.stdout.write(${JSON.stringify(line)} + "\\n")\n`,
      },
    ],
    [
      "past its own streams",
      {
        file: "hook_bad.js",
        text: `import { writeSync } from "node:fs";\nexport default () => { for (let i = 0; i < 100_000; i++) writeSync(1, ${JSON.stringify(`${line}\n`)}); };\n`,
      },
    ],
  ];
  test.each(flood)("100 MB of output %s", async (_, bad) => {
    const before = process.memoryUsage.rss();
    const { room, run } = await runBad(bad);
    expect(run.error).toBeUndefined();
    const lines = room.events.flatMap((event) => (event.type === "output" ? [event.line] : []));
    expect(lines.filter((text) => text === line).length).toBeGreaterThan(16_000);
    expect(lines.length).toBeLessThan(20_000);
    expect(lines.filter((text) => text.includes("bytes of further output"))).toHaveLength(1);
    // 16 MiB of lines are kept here as events; what is dropped must not be kept anywhere.
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024);
    await room.close();
  });
});

describe("a hook that reaches beyond itself", () => {
  test("writes past its own streams, and a child's, are its output and not ours", async () => {
    const text = `import { writeSync } from "node:fs";
import { execSync } from "node:child_process";
import { $ } from "bun";
export default async () => {
  writeSync(1, "past\\n");
  await $\`echo shell\`;
  execSync("echo child", { stdio: "inherit" });
};
`;
    const { room, run } = await runBad({ file: "hook_bad.ts", text });
    expect(run.error).toBeUndefined();
    const lines = room.events.flatMap((event) =>
      event.type === "output" && event.scope.action === "hook_bad" ? [event.line] : [],
    );
    expect(lines).toEqual(["past", "shell", "child"]);
    await room.close();
  });

  test("it reads nothing of what the operator types", async () => {
    const text = `import { readFileSync } from "node:fs";\nexport default () => console.log("read", readFileSync(0).length);\n`;
    const { room, run } = await runBad({ file: "hook_bad.ts", text });
    expect(run.error).toBeUndefined();
    expect(room.output()).toContain("read 0");
    await room.close();
  });

  test.each([
    ["process.kill(process.pid)", "process.kill(process.pid, 'SIGTERM')"],
    ["process.kill(0)", "process.kill(0, 'SIGTERM')"],
    ["process.abort()", "process.abort()"],
    ["process.chdir()", "process.chdir('/')"],
    ["process.umask()", "process.umask(0)"],
  ])("%s in a thread only fails the hook", async (_, code) => {
    const { room, run } = await runBad({ file: "hook_bad.ts", text: `export default () => { ${code}; };\n` });
    expect(run.results[0]!.status).toBe("failed");
    await room.close();
  });

  test("globals and environment of one invocation are not those of the next", async () => {
    const text = `export default () => {
  console.log("found", (globalThis as { mark?: number }).mark, process.env.MARK, Object.keys(Array.prototype).length);
  (globalThis as { mark?: number }).mark = 1;
  process.env.MARK = "1";
  (Array.prototype as unknown as { mark: number }).mark = 1;
};
`;
    const { room } = await runBad({ file: "hook_bad.ts", text });
    const host = room.newHost();
    await host.run({ event: "cli", job: "api", hook: "hook_bad" });
    expect(room.output().match(/found undefined undefined 0/g)).toHaveLength(2);
    expect(process.env.MARK).toBeUndefined();
    expect("mark" in Array.prototype).toBe(false);
    await room.close();
  });

  const children: [string, Bad][] = [
    [
      "a thread",
      {
        file: "hook_bad.ts",
        text: 'import { spawn } from "node:child_process";\nimport { writeFileSync } from "node:fs";\nexport default () => { const c = spawn("sleep", ["1000"], { stdio: "inherit" }); c.unref(); writeFileSync("pid", String(c.pid)); };\n',
      },
    ],
    [
      "a process",
      {
        file: "hook_bad.ts",
        isolation: "process",
        text: 'import { spawn } from "node:child_process";\nimport { writeFileSync } from "node:fs";\nexport default () => { const c = spawn("sleep", ["1000"], { stdio: "inherit" }); c.unref(); writeFileSync("pid", String(c.pid)); };\n',
      },
    ],
    [
      "Python",
      {
        file: "hook_bad.py",
        text: 'import subprocess\nchild = subprocess.Popen(["sleep", "1000"])\nopen("pid", "w").write(str(child.pid))\n',
      },
    ],
    [
      "Python, as a session of its own",
      {
        file: "hook_bad.py",
        text: 'import subprocess\nchild = subprocess.Popen(["sleep", "1000"], start_new_session=True)\nopen("pid", "w").write(str(child.pid))\n',
      },
    ],
  ];
  test.each(children)("a child that outlives %s is ended and told of", async (_, bad) => {
    const { room, run } = await runBad(bad);
    expect(run.error).toBeUndefined();
    const pid = Number(readFileSync(join(room.dir, "pid"), "utf8"));
    for (let i = 0; i < 100 && isRunning(pid); i++) await Bun.sleep(10);
    expect(isRunning(pid)).toBe(false);
    expect(room.warnings().filter((text) => text.includes("left 1 process running"))).toHaveLength(1);
    await room.close();
  });

  test("children get the hook's environment and nothing of the operator's, however they are started", async () => {
    const text = `import { spawnSync as bunSpawn } from "bun";
import { execSync } from "node:child_process";
const script = 'echo "$ALLOCATION_IP/$OPERATORS_OWN/$GIVEN"';
export default async () => {
  console.log("child", execSync(script).toString().trim());
  console.log("child", Bun.spawnSync(["sh", "-c", script]).stdout.toString().trim());
  console.log("child", Bun.spawnSync({ cmd: ["sh", "-c", script] }).stdout.toString().trim());
  console.log("child", bunSpawn(["sh", "-c", script]).stdout.toString().trim());
  console.log("child", (await new Response(Bun.spawn(["sh", "-c", script], { stdout: "pipe" }).stdout).text()).trim());
  console.log("child", (await Bun.$\`sh -c \${script}\`.text()).trim());
  console.log("given", Bun.spawnSync(["sh", "-c", script], { env: { ...process.env, GIVEN: "yes" } }).stdout.toString().trim());
};
`;
    process.env.OPERATORS_OWN = "leak";
    const { room, run } = await runBad({ file: "hook_bad.ts", text });
    delete process.env.OPERATORS_OWN;
    expect(run.error?.why).toBeUndefined();
    expect(room.output().match(/^child 10\.99\.0\.1\/\/$/gm)).toHaveLength(6);
    expect(room.output()).toContain("given 10.99.0.1//yes");
    await room.close();
  });

  test("its token is worth nothing once it has ended", async () => {
    const text =
      'import os\nopen("token", "w").write(os.environ["HOOK_API_PORT"] + " " + os.environ["HOOK_API_TOKEN"])\n';
    const room = await makeRoom(
      { api: { manifest: { hooks: hooks({ hook_bad: ["cli"] }) }, files: { "_hooks/hook_bad.py": text } } },
      { workers: worker },
    );
    await room.host.run({ event: "cli", job: "api" });
    expect(existsSync(join(room.dir, "token"))).toBe(true);
    const [port, token] = readFileSync(join(room.dir, "token"), "utf8").split(" ");
    const answer = await fetch(`http://127.0.0.1:${port}/kv?namespace=maand/bucket&key=jobs`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(401);
    await room.close();
  });

  test("a semaphore that it held is free when it ends, however it ends", async () => {
    const ends = ["process.exit(3);", "throw new Error('x');", "for (;;);", ""];
    for (const end of ends) {
      const text = `import { acquireSemaphore, allocationIndex } from "maand";
export default async () => { (await acquireSemaphore("one", { timeoutSeconds: 30 })).raiseForStatus(); console.log("held", allocationIndex()); ${end} };
`;
      const room = await makeRoom(
        {
          api: {
            manifest: { hooks: hooks({ hook_bad: ["health_check"] }), max_concurrent_upgrades: 1 },
            files: { "_hooks/hook_bad.ts": text },
          },
        },
        { conf: short, workers: [...worker, { host: "10.99.0.2", labels: ["api"] }] },
      );
      await room.host.run({ event: "health_check", job: "api" });
      expect(room.output().match(/^held .*$/gm)).toEqual(["held 0", "held 1"]);
      await room.close();
    }
  });

  test("secrets that it was given are not in its output, nor in its error", async () => {
    const text = `import sys, maand
maand.put_job_secret("p", "open-sesame-" + "42")
print("as it is:", maand.get_job_secret("p"))
sys.exit("failed with open-sesame-42")
`;
    const { room, run } = await runBad({ file: "hook_bad.py", text });
    expect(room.output()).toContain("as it is: ***");
    expect(run.error?.why).toContain("failed with ***");
    expect(JSON.stringify([room.events, run.error])).not.toContain("open-sesame-42");
    await room.close();
  });
});
