// The checks of the sources: what they look at, and that each refuses what it is there for.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
