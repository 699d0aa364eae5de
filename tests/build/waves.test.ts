// Demands, versions, cycles and deployment_seq, through the executable.

import { beforeEach, expect, test } from "bun:test";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, refusedBuild } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(() => clearWorkspace(bucket));

interface Demand {
  job?: string;
  hook?: string;
  config?: object;
}

/** A job with one hook, `hook_up`, and one more per demand; a version unless it is null. */
function job(name: string, demands: Demand[] = [], version: string | null = "1.0.0"): void {
  const own = demands.map(
    (demand, i) => [`hook_d${i}`, { executed_on: ["post_deploy"], demands: demand }] as const,
  );
  const hooks = { hook_up: { executed_on: ["cli"] }, ...Object.fromEntries(own) };
  const scripts = Object.keys(hooks).map((hook) => [`_hooks/${hook}.ts`, "export {};\n"] as const);
  writeBareJob(
    bucket,
    name,
    { ...(version === null ? {} : { version }), selectors: ["worker"], hooks },
    Object.fromEntries(scripts),
  );
}

const on = (upstream: string, config?: object): Demand => ({
  job: upstream,
  hook: "hook_up",
  ...(config === undefined ? {} : { config }),
});

async function sequence(): Promise<Record<string, unknown>> {
  return Object.fromEntries((await cat(bucket, "jobs")).map((row) => [row.name, row.deployment_seq]));
}

test("a job's seq is the length of the longest demand chain below it, and all its allocations share it", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "10.0.0.2" }]);
  job("base");
  job("mid", [on("base")]);
  job("top", [on("base"), on("mid")]);
  job("other");
  job("side", [on("other")]);
  await build(bucket);
  expect(await sequence()).toEqual({ base: 0, mid: 1, other: 0, side: 1, top: 2 });
  const rows = await cat(bucket, "allocations", "--jobs", "top");
  expect(rows.map((row) => row.deployment_seq)).toEqual([2, 2]);
  // Without the long way round it is one less.
  job("top", [on("base")]);
  await build(bucket);
  expect(await sequence()).toMatchObject({ top: 1 });
});

test("cat hooks shows each demand with its own configuration", async () => {
  job("db", [], "2");
  job("app", [on("db", { min_version: 1, max_version: "2.5", mode: { deep: [1] } })]);
  await build(bucket);
  const rows = await cat(bucket, "hooks", "--jobs", "app");
  expect(rows).toEqual([
    {
      job: "app",
      hook: "hook_d0",
      executed_on: ["post_deploy"],
      demand_job: "db",
      demand_hook: "hook_up",
      demand_config: { min_version: 1, max_version: "2.5", mode: { deep: [1] } },
    },
    {
      job: "app",
      hook: "hook_up",
      executed_on: ["cli"],
      demand_job: null,
      demand_hook: null,
      demand_config: null,
    },
  ]);
});

test("an all-empty demand is none", async () => {
  job("app", [{ job: "", hook: "", config: {} }], null);
  await build(bucket);
  expect(await sequence()).toEqual({ app: 0 });
});

const at = (name: string, line: number, column: number) =>
  `workspace/jobs/${name}/manifest.json:${line}:${column}`;

test("an unknown job, an unknown hook, half a demand and a demand on oneself are refused", async () => {
  job("base");
  job("a", [{ job: "bas", hook: "hook_up" }]);
  job("b", [{ job: "base", hook: "hook_upp" }]);
  job("c", [on("c")]);
  expect(await refusedBuild(bucket)).toEqual([
    `${at("a", 17, 16)}: hook_d0 demands job "bas", which is not in the workspace; did you mean "base"?`,
    `${at("b", 18, 17)}: hook_d0 demands hook "hook_upp" of job "base", which has no such hook; did you mean "hook_up"?`,
    `${at("c", 17, 16)}: job "c" demands itself; name another job or drop the demand`,
  ]);
  for (const name of ["a", "b", "c"]) bucket.remove(`workspace/jobs/${name}`);
  job("d", [{ job: "base" }]);
  job("e", [{ hook: "hook_up" }]);
  expect(await refusedBuild(bucket)).toEqual([
    `${at("d", 16, 7)}: "hooks.hook_d0.demands" names no "hook"; add "hook", or remove the demand`,
    `${at("e", 16, 7)}: "hooks.hook_d0.demands" names no "job"; add "job", or remove the demand`,
  ]);
});

test("both sides of a demand need a version", async () => {
  job("base", [], null);
  job("app", [on("base")], null);
  expect(await refusedBuild(bucket)).toEqual([
    `${at("app", 1, 1)}: job "app" has no version, but it demands job "base"; add "version"`,
    `${at("base", 1, 1)}: job "base" has no version, but job "app" demands it; add "version"`,
  ]);
});

test("a missing version is told once, however many demands need it", async () => {
  job("base");
  job("other");
  job("app", [on("base"), on("other"), on("base")], null);
  expect(await refusedBuild(bucket)).toEqual([
    `${at("app", 1, 1)}: job "app" has no version, but it demands job "base"; add "version"`,
  ]);
});

for (const [version, config, problem] of [
  ["2.1.0", { min_version: "2.1", max_version: "v2.1.0" }, undefined],
  ["2.1.0", { min_version: 2 }, undefined],
  ["1.9.9", { min_version: 2 }, "has version 1.9.9, the demand says min_version 2.0.0"],
  ["2.1.0", { max_version: 2 }, "has version 2.1.0, the demand says max_version 2.0.0"],
  ["2.0.0-rc.1", { min_version: "2.0.0" }, "has version 2.0.0-rc.1, the demand says min_version 2.0.0"],
  ["1.10.0", { min_version: "1.9.0" }, undefined],
] as const)
  test(`${version} within ${JSON.stringify(config)}: ${problem ?? "accepted"}`, async () => {
    job("base", [], version);
    job("app", [on("base", config)]);
    if (problem === undefined) {
      await build(bucket);
      expect(await sequence()).toEqual({ app: 1, base: 0 });
      return;
    }
    const [line, ...more] = await refusedBuild(bucket);
    expect(line).toContain(`job "base" ${problem}; change the version of "base" or this bound`);
    expect(more).toEqual([]);
  });

test("a cycle is printed as its closed path", async () => {
  job("a", [on("b")]);
  job("b", [on("c")]);
  job("c", [on("a")]);
  job("outside", [on("a")]);
  expect(await refusedBuild(bucket)).toEqual([
    `${at("a", 17, 16)}: jobs demand each other in a circle: a → b → c → a; drop one of these demands`,
  ]);
  expect(await sequence()).not.toHaveProperty("outside");
});

test("jobs without demands are 0, and the order of names does not matter", async () => {
  job("a", [on("z")]);
  job("z");
  await build(bucket);
  expect(await sequence()).toEqual({ a: 1, z: 0 });
});
