// What lies beside a hook: its own files as they were built, certificates, helper modules, the host's own tools.

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBuild } from "../../src/build/run.ts";
import { readDeployments } from "../../src/catalog/deployments.ts";
import { readState } from "../../src/catalog/state.ts";
import { createHookHost } from "../../src/hooks/host.ts";
import type { Room } from "../support/builders/hook-room.ts";
import { hooks, useRooms, workers } from "../support/builders/hook-room.ts";

const makeRoom = useRooms();

const [first] = workers as [string];
const one = { workers: [{ host: first, labels: ["api"] }] };
const certs = { tls: { subject: { common_name: "api" }, key: "ecdsa-p256" } };

function api(files: Record<string, string>, manifest: Record<string, unknown> = {}) {
  return { api: { manifest: { hooks: hooks({ hook_a: ["cli"] }), ...manifest }, files } };
}

/** Builds the workspace as it is now and runs the hook with a host of its own. */
async function buildAndRun(room: Room) {
  await runBuild(room.session, { purgeSecretsKv: false });
  const host = room.newHost({ state: readState(room.session.catalog) });
  const run = await host.run({ event: "cli", job: "api" });
  await host.close();
  return run;
}

describe("files", () => {
  test("all of _hooks/ is there, links into the rest of the job included; certificates and helpers beside it", async () => {
    const list = `import os
here = os.path.dirname(os.path.abspath(__file__))
for base, dirs, files in sorted(os.walk(here)):
  for name in sorted(files): print(os.path.relpath(os.path.join(base, name), here))
print(open(os.path.join(here, "shared.json")).read(), open(os.path.join(here, "lib/near.txt")).read())
`;
    const room = await makeRoom(
      api(
        {
          "_hooks/hook_a.py": list,
          "_hooks/lib/x.py": "",
          "_hooks/lib/near": "near",
          "conf/shared.json": "{}",
        },
        { certs },
      ),
      one,
    );
    symlinkSync("../conf/shared.json", join(room.dir, "workspace/jobs/api/_hooks/shared.json"));
    symlinkSync("near", join(room.dir, "workspace/jobs/api/_hooks/lib/near.txt"));
    expect((await buildAndRun(room)).error).toBeUndefined();
    expect(room.output().split("\n")).toEqual([
      "hook_a.py",
      "maand.py",
      "maand.ts",
      "shared.json",
      "certs/ca.crt",
      "certs/tls.crt",
      "certs/tls.key",
      "lib/near",
      "lib/near.txt",
      "lib/x.py",
      "{} near",
    ]);
    await room.close();
  });

  test("nobody but the owner can read them", async () => {
    const room = await makeRoom(api({ "_hooks/hook_a.py": "print('ran')\n" }, { certs }), one);
    await room.host.run({ event: "cli", job: "api" });
    const root = join(room.dir, "tmp/hooks/api", first, "_hooks");
    for (const path of [join(room.dir, "tmp"), join(room.dir, "tmp/hooks"), root, join(root, "certs")]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    for (const path of ["hook_a.py", "maand.py", "certs/tls.key", "certs/tls.crt"]) {
      expect(statSync(join(root, path)).mode & 0o077).toBe(0);
    }
    await room.close();
  });

  test("they are those of the build, not those of the workspace since", async () => {
    const room = await makeRoom(api({ "_hooks/hook_a.ts": 'console.log("built");\n' }), one);
    room.write("workspace/jobs/api/_hooks/hook_a.ts", 'console.log("edited");\n');
    await room.host.run({ event: "cli", job: "api" });
    expect(room.output()).toBe("built");
    await room.close();
  });

  test("what an earlier run has left there is gone", async () => {
    const room = await makeRoom(
      api({ "_hooks/hook_a.py": "import os\nprint(os.path.exists(os.path.dirname(__file__) + '/stale'))\n" }),
      one,
    );
    mkdirSync(join(room.dir, "tmp/hooks/api", first, "_hooks"), { recursive: true });
    writeFileSync(join(room.dir, "tmp/hooks/api", first, "_hooks/stale"), "");
    await room.host.run({ event: "cli", job: "api" });
    expect(room.output()).toBe("False");
    await room.close();
  });

  test("a worker may have an IPv6 address", async () => {
    const room = await makeRoom(
      api({
        "_hooks/hook_a.ts":
          'import { word } from "./lib/word";\nimport { allocationIp } from "./maand";\nconsole.log(word, allocationIp());\n',
        "_hooks/lib/word.ts": 'export const word = "here";\n',
      }),
      { workers: [{ host: "fd00::1", labels: ["api"] }] },
    );
    const run = await room.host.run({ event: "cli", job: "api" });
    expect(run.error?.why).toBeUndefined();
    expect(room.output()).toBe("here fd00::1");
    await room.close();
  });

  test("each allocation has its own certificates", async () => {
    const print = `import { readFileSync } from "node:fs";\nexport default () => console.log(readFileSync(import.meta.dir + "/certs/tls.crt", "utf8").replaceAll("\\n", ""));\n`;
    const room = await makeRoom(api({ "_hooks/hook_a.ts": print }, { certs, max_concurrent_upgrades: 3 }));
    const run = await room.host.run({ event: "cli", job: "api" });
    expect(run.error).toBeUndefined();
    const printed = room.output().split("\n");
    expect(printed).toHaveLength(3);
    expect(new Set(printed).size).toBe(3);
    await room.close();
  });
});

describe("tools of the host", () => {
  test("node_modules beside the hook resolves, with the dependencies of its own", async () => {
    for (const isolation of ["thread", "process"]) {
      const room = await makeRoom(
        api(
          { "_hooks/hook_a.ts": 'import { shout } from "loud";\nconsole.log(shout("hello"));\n' },
          { hooks: hooks({ hook_a: { executed_on: ["cli"], isolation } }) },
        ),
        one,
      );
      const modules = "workspace/jobs/api/_hooks/node_modules";
      room.write(`${modules}/loud/package.json`, '{"name":"loud","type":"module","exports":"./index.ts"}');
      room.write(
        `${modules}/loud/index.ts`,
        'import mark from "mark";\nexport const shout = (text: string): string => text.toUpperCase() + mark;\n',
      );
      room.write(`${modules}/mark/package.json`, '{"name":"mark","main":"main.js"}');
      room.write(`${modules}/mark/main.js`, 'module.exports = "!";\n');
      const run = await room.host.run({ event: "cli", job: "api" });
      expect(run.error?.why).toBeUndefined();
      expect(room.output()).toBe("HELLO!");
      await room.close();
    }
  });

  test.each([
    [[".venv", "venv"], ".venv"],
    [["venv"], "venv"],
  ])("of %j the Python hook takes %s", async (there, taken) => {
    const room = await makeRoom(api({ "_hooks/hook_a.py": "import os\nprint(os.environ['TAKEN'])\n" }), one);
    for (const name of there) {
      const python = `workspace/jobs/api/_hooks/${name}/bin/python3`;
      room.write(python, `#!/bin/sh\nTAKEN=${name} exec /usr/bin/python3 "$@"\n`);
      chmodSync(join(room.dir, python), 0o755);
    }
    const run = await room.host.run({ event: "cli", job: "api" });
    expect(run.error).toBeUndefined();
    expect(room.output()).toBe(taken);
    await room.close();
  });
});

describe("a host without python3", () => {
  const path = process.env.PATH!;
  async function withoutPath<T>(work: () => Promise<T>): Promise<T> {
    process.env.PATH = "/nowhere";
    try {
      return await work();
    } finally {
      process.env.PATH = path;
    }
  }

  test("runs TypeScript and JavaScript in both ways, and says before anything runs what it cannot run", async () => {
    const room = await makeRoom(
      {
        api: {
          manifest: {
            hooks: hooks({
              hook_a: ["cli"],
              hook_b: { executed_on: ["cli"], isolation: "process" },
              hook_c: ["post_deploy"],
            }),
          },
          files: {
            "_hooks/hook_a.ts": 'const n: number = 1;\nconsole.log("thread", n);\n',
            "_hooks/hook_b.js": 'console.log("process", process.env.PATH);\n',
            "_hooks/hook_c.py": "print('never')\n",
          },
        },
      },
      one,
    );
    await withoutPath(async () => {
      room.host.requireRuntimes(["api"], ["cli"]);
      expect((await room.host.run({ event: "cli", job: "api" })).error).toBeUndefined();
      expect(room.output()).toBe("thread 1\nprocess /nowhere");
      expect(() => room.host.requireRuntimes(["api"], ["cli", "post_deploy"])).toThrow("there is no python3");
      const run = await room.host.run({ event: "post_deploy", job: "api" });
      expect(run.error?.kind).toBe("local");
      expect(run.error?.why).toContain("hook_c.py");
    });
    await room.close();
  });
});

test("a run without hooks starts nothing and lays nothing out", async () => {
  const room = await makeRoom({ api: { files: {} } }, one);
  const host = createHookHost(room.session, {
    state: room.state,
    deployments: readDeployments(room.session.catalog),
  });
  const run = await host.run({ event: "pre_deploy", job: "api" });
  expect(run).toEqual({ ok: true, results: [], interrupted: false, writes: "kept" });
  expect(host.hasHooks("api", "pre_deploy")).toBe(false);
  await host.close();
  expect(() => readFileSync(join(room.dir, "tmp/hooks"))).toThrow();
  await room.close();
});
