// The checks of the sources: what they look at, and that each refuses what it is there for.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { renderScaffolds, shellSources } from "../../scripts/testing/check-shell.ts";
import { runProcess } from "../support/process.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "maand-checks-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const root = join(import.meta.dir, "../..");

test("shell: scripts with and without .sh, CI's, those for workers and those of new jobs are looked at", () => {
  expect(shellSources()).toEqual(
    expect.arrayContaining([
      ".ci/run",
      "scripts/fleet",
      "scripts/fleet-worker",
      "scripts/golden",
      "src/fleet/facts.sh",
      "src/job/scaffold/process/service.sh",
      "src/worker/scripts/check.sh",
    ]),
  );
  const rendered = renderScaffolds(join(dir, "scaffolds"));
  expect(rendered.map((path) => path.slice(dir.length))).toEqual([
    "/scaffolds/systemd/run.sh",
    "/scaffolds/process/service.sh",
    "/scaffolds/process/run.sh",
  ]);
  expect(readFileSync(rendered[1]!, "utf8")).toContain("\nname=example\n");
});

async function python(text: string): Promise<string> {
  const path = join(dir, "case.py");
  writeFileSync(path, text);
  const { code, stdout, stderr } = await runProcess(
    ["python3", join(root, "scripts/testing/python36.py"), path],
    {},
  );
  expect(stderr).toBe("");
  expect(code).toBe(stdout === "" ? 0 : 1);
  return stdout.replaceAll(`${path}:`, "");
}

test.each([
  [
    "a function of 3.9",
    "import os\nos.waitstatus_to_exitcode(0)\n",
    "2: Python 3.6 has no os.waitstatus_to_exitcode",
  ],
  ["one that is imported by name", "from shlex import join\n", "1: Python 3.6 has no shlex.join"],
  [
    "one of a module within a module",
    "import os\nos.path.splitroot('a')\n",
    "2: Python 3.6 has no os.path.splitroot",
  ],
  ["one of a renamed module", "import shlex as s\ns.join([])\n", "2: Python 3.6 has no shlex.join"],
  ["a method of 3.9", "'a'.removeprefix('a')\n", "1: no type of Python 3.6 has .removeprefix"],
  ["a builtin of 3.7", "breakpoint()\n", "1: Python 3.6 has no breakpoint"],
  ["syntax of 3.8", "if (n := 1):\n    pass\n", "1: "],
  ["parameters of 3.8", "def f(a, /):\n    pass\n", "1: "],
  ["a module that nobody recorded", "import tomllib\n", "1: the module tomllib is not in python36.txt"],
  [
    "an f-string in a source that speaks to an old Python",
    "import sys\nif sys.version_info < (3, 6):\n    print(f'{sys}')\n",
    "3: an old Python cannot parse this",
  ],
])("python: %s is refused", async (_, text, finding) => {
  expect(await python(text)).toStartWith(finding);
});

test("python: what 3.6 knows passes, and what is asked for with hasattr", async () => {
  const text = `import json as _json
import os
import urllib.parse

def start(name: str) -> int:
    if hasattr(os, "posix_spawnp"):
        return os.posix_spawnp(name, [name], os.environ)
    print(f"{urllib.parse.quote(name)} {_json.dumps(1_000)}".upper().strip())
    return os.fork()
`;
  expect(await python(text)).toBe("");
});

test("unused: files, exports, types and dependencies are refused, under the configuration of this repository", async () => {
  const project = join(dir, "project");
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  };
  put("package.json", `{"name":"p","dependencies":{"left-out":"1.0.0"},"devDependencies":{"bun":"1.0.0"}}`);
  put("scripts/testing/knip.jsonc", readFileSync(join(root, "scripts/testing/knip.jsonc"), "utf8"));
  put("src/main.ts", `import { used, type Shape } from "./a.ts";\nconsole.log(used satisfies Shape);\n`);
  put("src/hooks/runtime/thread-entry.ts", `import { tested } from "../../b.ts";\nconsole.log(tested);\n`);
  put(
    "src/a.ts",
    "export type Shape = number;\nexport type Idle = 1;\nexport const used = 1;\nexport const idle = 2;\n",
  );
  put("src/b.ts", "export const tested = 1;\nexport const onlyTested = 2;\n");
  put("src/idle-file.ts", "export const x = 1;\n");
  put("tests/b.test.ts", `import { onlyTested } from "../src/b.ts";\nconsole.log(onlyTested);\n`);
  const knip = join(root, "node_modules/knip/bin/knip.js");
  const run = (...args: string[]) =>
    runProcess([process.execPath, knip, "--config", "scripts/testing/knip.jsonc", ...args], { cwd: project });
  const { code, stdout } = await run("--reporter", "json");
  const { issues } = JSON.parse(stdout) as { issues: Record<string, { name: string }[] & string>[] };
  const found = issues.flatMap((issue) =>
    ["files", "exports", "types", "dependencies", "devDependencies"].flatMap((kind) =>
      (issue[kind] ?? []).map(({ name }) => `${kind} ${name}`),
    ),
  );
  expect(found.sort()).toEqual([
    "dependencies left-out",
    "exports idle",
    "files src/idle-file.ts",
    "types Idle",
  ]);
  expect(code).not.toBe(0);
});
