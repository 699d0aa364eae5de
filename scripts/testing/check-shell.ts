// Runs shellcheck over every shell script: maand's own, those that it sends to workers, and those that it writes into jobs.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { planScaffold } from "../../src/job/scaffold.ts";
import { runtimes } from "../../src/job/scaffold-lifecycle.ts";

const root = resolve(import.meta.dir, "../..");
const shebang = /^#!.*\b(?:ba)?sh\b/;

/** Scripts of the sources, as paths below the root: `.sh` files, and what begins with a shell's shebang. */
export function shellSources(): string[] {
  const found = [...new Bun.Glob("{src,scripts,.ci}/**").scanSync({ cwd: root, dot: true })];
  // A template is a script only once it is rendered.
  return found
    .filter((path) => path.endsWith(".sh") || (!path.endsWith(".tpl") && beginsAsShell(path)))
    .sort();
}

function beginsAsShell(path: string): boolean {
  return shebang.test(readFileSync(join(root, path), "latin1").slice(0, 80));
}

/** Writes the scripts of a new job of every runtime below `dir`, as `job create` would; returns their paths. */
export function renderScaffolds(dir: string): string[] {
  const paths: string[] = [];
  for (const runtime of runtimes) {
    for (const file of planScaffold({ job: "example", runtime }).files) {
      if (!shebang.test(file.content)) continue;
      const path = join(dir, runtime, file.path);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, file.content);
      paths.push(path);
    }
  }
  return paths;
}

if (import.meta.main) {
  const dir = mkdtempSync(join(tmpdir(), "maand-shell-"));
  try {
    const paths = [...shellSources(), ...renderScaffolds(dir).map((path) => relative(root, path))];
    const checked = Bun.spawnSync(["shellcheck", "--color=never", ...paths], {
      cwd: root,
      stdout: "inherit",
      stderr: "inherit",
    });
    process.exitCode = checked.exitCode;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
