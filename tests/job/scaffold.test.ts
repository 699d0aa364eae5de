// job create: what it writes passes the build's checks, and the lifecycles work under real make.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bucketPaths } from "../../src/bucket/locate.ts";
import { fillTemplate } from "../../src/job/scaffold/template.ts";
import { planScaffold, type ScaffoldRequest, writeScaffold } from "../../src/job/scaffold.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { readWorkspace } from "../../src/workspace/read.ts";
import { checkedValue, errors, warnings } from "../support/checked.ts";
import { runProcess } from "../support/process.ts";
import { maandErrorBy } from "../support/thrown.ts";
import { useTempDir } from "../support/use.ts";

const dir = useTempDir();

function create(request: ScaffoldRequest): string {
  writeScaffold(bucketPaths(dir()), planScaffold(request));
  return dir("workspace/jobs", request.job);
}

const refusal = (request: ScaffoldRequest) => maandErrorBy(() => create(request));

const lifecycle = ["start", "stop", "restart", "reload", "status"];
const combinations = [undefined, "compose", "systemd", "process"].flatMap((runtime) =>
  [undefined, "py", "ts"].map((hooks) => [runtime, hooks] as const),
);

test.each(combinations)(
  "runtime %s, hooks %s: valid as it is, every target there",
  async (runtime, hooks) => {
    mkdirSync(dir("workspace"), { recursive: true });
    writeFileSync(dir("workspace/workers.json"), JSON.stringify([{ host: "10.0.0.1", labels: ["web"] }]));
    const root = create({ job: "my-api_2", selectors: ["Web", "worker", "web"], runtime, hooks });
    const checked = checkWorkspace(readWorkspace(dir(), ""));
    expect(errors(checked)).toEqual([]);
    expect(warnings(checked)).toEqual([]);
    expect(checkedValue(checked)!.jobs[0]!.manifest.selectors).toEqual(["web", "worker"]);
    expect(checkedValue(checked)!.jobs[0]!.manifest.hooks).toHaveLength(hooks === undefined ? 0 : 1);
    for (const target of lifecycle) {
      const dry = await runProcess(["make", "-n", "-s", "-C", root, target]);
      expect([target, dry.code, dry.stderr]).toEqual([target, 0, ""]);
    }
    expect(existsSync(join(root, "README.md"))).toBe(true);
    expect(existsSync(join(root, "_hooks/maand.d.ts"))).toBe(hooks === "ts");
    expect(readdirSync(dir("tmp"))).toEqual([]);
  },
);

test("every placeholder has its value, and what only looks like one stays", () => {
  for (const [runtime, hooks] of combinations) {
    for (const { content } of planScaffold({ job: "api", runtime, hooks }).files)
      expect(content).not.toMatch(/%[A-Z]+%/);
  }
  expect(fillTemplate("%A% %a% 5% %s %A%%B% $(B)", { A: "%B%", B: "$&" })).toBe("%B% %a% 5% %s %B%$& $(B)");
  expect(() => fillTemplate("x %JOB%", { NAME: "a" })).toThrow("%JOB%");
});

test("without selectors it goes to every worker", () => {
  const root = create({ job: "api" });
  expect(JSON.parse(readFileSync(join(root, "manifest.json"), "utf8"))).toMatchObject({
    $schema: "../../.schema/manifest.json",
    selectors: ["worker"],
  });
});

test("a directory that is there is never touched; an empty one is taken", () => {
  const root = dir("workspace/jobs/api");
  mkdirSync(root, { recursive: true });
  create({ job: "api" });
  writeFileSync(join(root, "Makefile"), "mine");
  expect(refusal({ job: "api", runtime: "process" }).kind).toBe("usage");
  expect(readFileSync(join(root, "Makefile"), "utf8")).toBe("mine");
  expect(existsSync(join(root, "run.sh"))).toBe(false);
});

test.each<[ScaffoldRequest, string]>([
  [{ job: "Api" }, "Api"],
  [{ job: "../x" }, "../x"],
  [{ job: "api", selectors: ["a b"] }, "a b"],
  [{ job: "api", runtime: "proces" }, "proces"],
  [{ job: "api", hooks: "js" }, "js"],
])("%j is refused", (request, named) => {
  const error = refusal(request);
  expect(error.kind).toBe("usage");
  expect(error.message).toContain(named);
  expect(existsSync(dir("workspace/jobs"))).toBe(false);
});

const make = (root: string, target: string, version?: string, path = process.env.PATH) =>
  runProcess(["make", "-s", "-C", root, target], {
    timeoutSeconds: 60,
    env: { NEW_VERSION: version, PATH: path },
  });
const pidOf = (root: string) => Number(readFileSync(join(root, "data/api.pid"), "utf8").split(" ")[0]);
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

/** A process job whose settings are quick, and with another program when one is given. */
function processJob(program?: string): string {
  const root = create({ job: "api", runtime: "process" });
  const script = join(root, "service.sh");
  writeFileSync(
    script,
    readFileSync(script, "utf8")
      .replace(/^stop_seconds=\d+/m, "stop_seconds=1")
      .replace(/^settle_seconds=\d+/m, "settle_seconds=0.3"),
  );
  if (program !== undefined) writeFileSync(join(root, "run.sh"), program);
  return root;
}

test("process: starts once, restarts with another pid, stops, and says so", async () => {
  const root = processJob();
  expect(statSync(join(root, "run.sh")).mode & 0o111).not.toBe(0);
  const before = await make(root, "status");
  expect([before.code, before.stdout]).toEqual([2, "api does not run\n"]);
  try {
    expect((await make(root, "start")).code).toBe(0);
    const first = pidOf(root);
    expect((await make(root, "start")).stdout).toContain("already");
    expect(pidOf(root)).toBe(first);
    expect((await make(root, "status")).stdout).toBe(`api runs (pid ${first})\n`);
    expect((await make(root, "restart")).code).toBe(0);
    expect(pidOf(root)).not.toBe(first);
    expect(isAlive(first)).toBe(false);
  } finally {
    expect((await make(root, "stop")).code).toBe(0);
  }
  expect(existsSync(join(root, "data/api.pid"))).toBe(false);
  expect((await make(root, "stop")).code).toBe(0);
  expect(readFileSync(join(root, "logs/api.log"), "utf8")).toContain("stopping");
});

test("process: start leaves the same version running and replaces another one", async () => {
  const root = processJob();
  try {
    await make(root, "start", "1.0.0");
    const first = pidOf(root);
    expect((await make(root, "start", "1.0.0")).stdout).toBe(`api 1.0.0 runs already (pid ${first})\n`);
    const replaced = await make(root, "start", "2.0.0");
    expect([replaced.code, replaced.stdout]).toEqual([0, expect.stringContaining("is replaced by 2.0.0")]);
    expect([pidOf(root) === first, isAlive(first), isAlive(pidOf(root))]).toEqual([false, false, true]);
    expect(readFileSync(join(root, "logs/api.log"), "utf8")).toContain("running version 2.0.0");
  } finally {
    await make(root, "stop");
  }
});

/** A directory for PATH in which these programs only note that they were called. */
function recorders(root: string, ...names: string[]): string {
  const bin = join(root, "recorders");
  mkdirSync(bin);
  for (const name of names)
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${root}/calls\n`, { mode: 0o755 });
  return `${bin}:${process.env.PATH}`;
}

test.each([
  ["compose", /^docker .* down$/m, /^docker .* up /m],
  ["systemd", /^systemctl restart api.service$/m, /^systemctl (?:start|restart) api.service$/m],
])("%s: start leaves the same version alone and replaces another one", async (runtime, replaces, starts) => {
  const root = create({ job: "api", runtime });
  const path = recorders(root, "docker", "systemctl", "sudo", "tee");
  const callsOfStart = async (version: string) => {
    writeFileSync(join(root, "calls"), "");
    expect((await make(root, "start", version, path)).code).toBe(0);
    return readFileSync(join(root, "calls"), "utf8");
  };
  expect(await callsOfStart("1.0.0")).toMatch(starts);
  const again = await callsOfStart("1.0.0");
  expect(again).toMatch(starts);
  expect(again).not.toMatch(replaces);
  expect(await callsOfStart("2.0.0")).toMatch(replaces);
});

test("process: what ignores TERM is killed with all it started", async () => {
  const root = processJob(
    '#!/bin/bash\ntrap "" TERM\nsleep 600 & echo $! > data/child\nwhile :; do sleep 600; done\n',
  );
  expect((await make(root, "start")).code).toBe(0);
  const pid = pidOf(root);
  const child = Number(readFileSync(join(root, "data/child"), "utf8"));
  const stopped = await make(root, "stop");
  expect(stopped.code).toBe(0);
  expect(stopped.stderr).toContain("is killed");
  expect([isAlive(pid), isAlive(child)]).toEqual([false, false]);
});

test("process: a program that ends at once fails the start, with its last words", async () => {
  const root = processJob("#!/bin/sh\necho no such database >&2\nexit 1\n");
  const started = await make(root, "start");
  expect(started.code).toBe(2);
  expect(started.stderr).toContain("no such database");
  expect(existsSync(join(root, "data/api.pid"))).toBe(false);
});

test("process: a pid file that another process has inherited is not believed", async () => {
  const root = processJob();
  mkdirSync(join(root, "data"));
  writeFileSync(join(root, "data/api.pid"), `${process.pid} 1\n`);
  expect((await make(root, "status")).code).toBe(2);
  expect((await make(root, "stop")).stdout).toBe("api does not run\n");
});
