// Whether what was read of a workspace lay there together: every kind of change between two looks is seen.

import { beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { MaandError } from "../../src/model/error.ts";
import { createMoment } from "../../src/workspace/moment.ts";
import { readWorkspace } from "../../src/workspace/read.ts";
import { readStillWorkspace } from "../../src/workspace/still.ts";
import { useTempDir } from "../support/use.ts";

const tempDir = useTempDir();
let root: string;
let job: string;

beforeEach(() => {
  root = tempDir();
  job = join(root, "workspace/jobs/api");
  mkdirSync(join(job, "conf"), { recursive: true });
  writeFileSync(join(root, "workspace/workers.json"), "[]\n");
  for (const path of ["manifest.json", "Makefile", "conf/a", "conf/b"])
    writeFileSync(join(job, path), "{}\n");
  symlinkSync("a", join(job, "conf/link"));
});

const changesAfter = (change: () => void): string[] => {
  const moment = createMoment();
  readWorkspace(root, "", moment);
  change();
  return moment.changes();
};
const shown = (path: string) => `workspace/jobs/api/${path}`;

test("nothing changed, nothing told", () => {
  expect(changesAfter(() => undefined)).toEqual([]);
});

const a = () => join(job, "conf/a");
const changes: [string, () => void, string[]][] = [
  ["content of the same length, within one tick", () => writeFileSync(a(), "[]\n"), [shown("conf/a")]],
  ["other content", () => writeFileSync(a(), "longer than before\n"), [shown("conf/a")]],
  ["permissions", () => chmodSync(a(), 0o755), [shown("conf/a")]],
  ["a new file", () => writeFileSync(join(job, "conf/new"), ""), [shown("conf")]],
  ["a file that goes", () => rmSync(a()), [shown("conf"), shown("conf/a")]],
  ["a new job", () => mkdirSync(join(root, "workspace/jobs/db")), ["workspace/jobs"]],
  [
    "the fleet",
    () => writeFileSync(join(root, "workspace/workers.json"), "{}\n"),
    ["workspace/workers.json"],
  ],
  ["a new conf", () => writeFileSync(join(root, "workspace/bucket.conf"), ""), ["workspace"]],
  [
    "a link's target",
    () => {
      rmSync(join(job, "conf/link"));
      symlinkSync("b", join(job, "conf/link"));
    },
    [shown("conf/link")],
  ],
  [
    "a file put in place of another, with its times",
    () => {
      const { atime, mtime } = statSync(a());
      writeFileSync(join(root, "other"), "[]\n");
      utimesSync(join(root, "other"), atime, mtime);
      renameSync(join(root, "other"), a());
    },
    [shown("conf/a")],
  ],
];
test.each(changes)("%s", (_, change, expected) => {
  expect(changesAfter(change)).toEqual(expected);
});

test("changed and changed back is a change", async () => {
  await Bun.sleep(100);
  expect(
    changesAfter(() => {
      const before = readFileSync(a());
      writeFileSync(a(), "something else\n");
      writeFileSync(a(), before);
    }),
  ).toEqual([shown("conf/a")]);
});

test("what is not read does not count: files beside the workspace's own, tools of the host", () => {
  expect(
    changesAfter(() => {
      writeFileSync(join(root, "workspace/.workers.json.swp"), "");
      mkdirSync(join(job, ".git"));
      writeFileSync(join(job, ".git/index"), "");
    }),
  ).toEqual([]);
});

test("a workspace that comes to rest is read again; one that does not is refused with what changes", async () => {
  const signal = new AbortController().signal;
  let writes = 0;
  const writer = setInterval(() => writeFileSync(a(), `${++writes}\n`), 1);
  // Reading is synchronous: a change falls into it only where it is made by another process.
  const flip = Bun.spawn(["sh", "-c", `i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i >'${a()}'; done`]);
  try {
    for (let i = 0; i < 5; i++) {
      const source = await readStillWorkspace(root, "", signal).catch((error: unknown) => error);
      if (!(source instanceof MaandError)) continue;
      expect(source.message).toBe("the workspace changed while it was read");
      expect(source.why).toContain(shown("conf/a"));
    }
  } finally {
    clearInterval(writer);
    flip.kill();
    await flip.exited;
  }
  const source = await readStillWorkspace(root, "", signal);
  expect(source.jobs).toHaveLength(1);
});
