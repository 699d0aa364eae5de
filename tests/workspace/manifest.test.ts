// Every rule of the manifest table: what is accepted and what it becomes, what is refused.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Manifest } from "../../src/model/manifest.ts";
import { parseVersion } from "../../src/model/version.ts";
import { file, withManifest } from "../support/builders/workspace-source.ts";
import { checkedValue, messages } from "../support/checked.ts";

function manifestOf(manifest: unknown, hooks: string[] = []): Manifest {
  const checked = withManifest(
    manifest,
    hooks.map((name) => file(`_hooks/${name}`)),
  );
  expect(messages(checked)).toEqual([]);
  return checkedValue(checked)!.jobs[0]!.manifest;
}

function refuses(manifest: unknown, hooks: string[] = []): string[] {
  const checked = withManifest(
    manifest,
    hooks.map((name) => file(`_hooks/${name}`)),
  );
  expect(checkedValue(checked)).toBeUndefined();
  return messages(checked);
}

describe("defaults", () => {
  test("an empty manifest has every default of the table", () => {
    expect(manifestOf({})).toEqual({
      version: "0.0.0",
      versionDeclared: false,
      selectors: ["api"],
      maxConcurrentStarts: 0,
      maxConcurrentUpgrades: 1,
      minAllocationsCount: 0,
      restartPolicy: "always",
      restartGlobs: [],
      ports: {},
      hooks: [],
      certs: [],
    });
  });

  test("a health check without fields has the documented defaults", () => {
    expect(manifestOf({ health_check: {} }).healthCheck).toEqual({
      checks: [],
      timeoutSeconds: 5,
      wait: { attempts: 30, intervalSeconds: 1 },
    });
  });

  test("probes have the documented defaults", () => {
    const checks = [
      { type: "file", path: "data/ready" },
      { type: "http", port: "p" },
      { type: "tcp", port: "p" },
      { type: "ssh", command: "true" },
    ];
    expect(
      manifestOf({ resources: { ports: { p: {} } }, health_check: { checks } }).healthCheck?.checks,
    ).toEqual([
      { type: "file", path: "data/ready" },
      { type: "http", port: "p", path: "/", expectStatus: 200, scheme: "http", insecure: false },
      { type: "tcp", port: "p" },
      { type: "ssh", command: "true" },
    ]);
  });

  test("a certificate has the documented defaults", () => {
    expect(manifestOf({ certs: { tls: { subject: { common_name: "api" } } } }).certs).toEqual([
      {
        name: "tls",
        subject: { common_name: "api" },
        one: false,
        pkcs8: false,
        key: "rsa-2048",
        dns: [],
      },
    ]);
  });
});

describe("version", () => {
  const accepted = {
    "1": "1.0.0",
    "1.2": "1.2.0",
    "1.2.3": "1.2.3",
    "v2.1": "2.1.0",
    " 1.0 ": "1.0.0",
    "1.2.3-rc.1": "1.2.3-rc.1",
  };
  for (const [written, normal] of Object.entries(accepted))
    test(`${JSON.stringify(written)} is ${normal}`, () => {
      expect(manifestOf({ version: written })).toMatchObject({ version: normal, versionDeclared: true });
    });

  for (const wrong of ["", "unknown", "1.2.3.4", "one", "1..2", "V1", "1.2.3-", 1, 1.2, null, true])
    test(`${JSON.stringify(wrong)} is refused`, () => {
      expect(refuses({ version: wrong })).toHaveLength(1);
    });

  test("the schema accepts exactly the texts that the version rules parse", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc
        .array(fc.constantFrom("v", "1", "0", "12", ".", "-", "rc", "+", " ", "x"), { maxLength: 8 })
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (version) => {
        const accepted = checkedValue(withManifest({ version })) !== undefined;
        expect(accepted).toBe(parseVersion(version) !== undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe("selectors", () => {
  test("are trimmed, lower case and unique, in the order written", () => {
    expect(manifestOf({ selectors: [" Web ", "worker", "web"] }).selectors).toEqual(["web", "worker"]);
  });

  test("none declared means the job's name", () => {
    expect(manifestOf({ selectors: [] }).selectors).toEqual(["api"]);
  });

  for (const wrong of ["web", [""], ["a b"], ["-a"], ["a/b"], ["a".repeat(64)], ["a;b"], [1]])
    test(`${JSON.stringify(wrong).slice(0, 30)} is refused`, () => {
      expect(refuses({ selectors: wrong })).toHaveLength(1);
    });
});

describe("numbers", () => {
  test("are taken as they are", () => {
    const manifest = manifestOf({
      max_concurrent_starts: 3,
      max_concurrent_upgrades: 2,
      min_allocations_count: 4,
      lifecycle_timeout: 30,
    });
    expect(manifest).toMatchObject({
      maxConcurrentStarts: 3,
      maxConcurrentUpgrades: 2,
      minAllocationsCount: 4,
      lifecycleTimeout: 30,
    });
  });

  for (const wrong of [
    { max_concurrent_starts: -1 },
    { max_concurrent_upgrades: 0 },
    { max_concurrent_upgrades: 1.5 },
    { max_concurrent_upgrades: "1" },
    { min_allocations_count: -1 },
    { lifecycle_timeout: 0 },
  ])
    test(`${JSON.stringify(wrong)} is refused`, () => {
      expect(refuses(wrong)).toHaveLength(1);
    });
});

describe("restart policy", () => {
  test("globs go with reload", () => {
    expect(manifestOf({ restart_policy: "reload", restart_globs: ["*.yml", "conf/**"] })).toMatchObject({
      restartPolicy: "reload",
      restartGlobs: ["*.yml", "conf/**"],
    });
  });

  test("an empty list of globs goes with every policy", () => {
    expect(manifestOf({ restart_policy: "never", restart_globs: [] }).restartPolicy).toBe("never");
  });

  for (const wrong of [
    { restart_policy: "Reload" },
    { restart_globs: ["x"] },
    { restart_policy: "never", restart_globs: ["x"] },
    { restart_policy: "reload", restart_globs: ["a//b"] },
    { restart_policy: "reload", restart_globs: ["#x"] },
    { restart_policy: "reload", restart_globs: ["x[a"] },
    { restart_policy: "reload", restart_globs: ["a/../../x"] },
    { restart_policy: "reload", restart_globs: ["\u2028/../x"] },
    { restart_policy: "reload", restart_globs: [""] },
  ])
    test(`${JSON.stringify(wrong)} is refused`, () => {
      expect(refuses(wrong)).toHaveLength(1);
    });
});

describe("resources", () => {
  test("units are converted and max defaults to min", () => {
    const resources = { memory: { min: "1.5 GB" }, cpu: { min: 100, max: "2ghz" } };
    expect(manifestOf({ resources })).toMatchObject({
      memory: { min: 1536, max: 1536 },
      cpu: { min: 100, max: 2000 },
    });
  });

  test("no bounds at all are none", () => {
    expect(manifestOf({ resources: { memory: {} } }).memory).toBeUndefined();
  });

  test("ports are sorted by name, {} is the pool", () => {
    const { ports } = manifestOf({ resources: { ports: { web: 80, admin_2: {} } } });
    expect(Object.entries(ports)).toEqual([
      ["admin_2", "pool"],
      ["web", 80],
    ]);
  });

  for (const wrong of [
    { memory: { min: "2gb", max: "1gb" } },
    { memory: { min: -1 } },
    { memory: { min: "1 pb" } },
    { memory: { min: "1e3" } },
    { memory: { min: "" } },
    { memory: 512 },
    { cpu: { min: "1 mb" } },
    { cpu: { min: 2, max: 1 } },
    { ports: { http: 0 } },
    { ports: { http: 65536 } },
    { ports: { http: 80.5 } },
    { ports: { http: null } },
    { ports: { HTTP: {} } },
    { ports: { "1a": {} } },
    { ports: { "a-b": {} } },
    { ports: ["http"] },
    { disk: {} },
  ])
    test(`${JSON.stringify(wrong)} is refused`, () => {
      expect(refuses({ resources: wrong })).toHaveLength(1);
    });

  test("a number too large for a double is refused", () => {
    expect(refuses('{"resources": {"memory": {"min": 1e999}}}')).toEqual([
      'workspace/jobs/api/manifest.json:1:34: "resources.memory.min" is 1e999; use MB as a number, or text such as "512 mb", "2 gb" or "1 tb"',
    ]);
  });
});

describe("hooks", () => {
  test("are sorted by name, with their script, events once each, and demand", () => {
    const hooks = {
      hook_b: { executed_on: ["cli", "post_build", "cli"], isolation: "process" },
      hook_a: {
        executed_on: ["pre_deploy"],
        demands: { job: "db", hook: "hook_x", config: { min_version: 2, mine: [1] } },
      },
    };
    expect(manifestOf({ hooks }, ["hook_a.ts", "hook_b.py", "helper.py"]).hooks).toEqual([
      {
        name: "hook_a",
        executedOn: ["pre_deploy"],
        demand: { job: "db", hook: "hook_x", config: { min_version: 2, mine: [1] } },
        file: "hook_a.ts",
      },
      { name: "hook_b", executedOn: ["cli", "post_build"], isolation: "process", file: "hook_b.py" },
    ]);
  });

  test("a demand whose parts are all empty is none", () => {
    const hook_a = { executed_on: ["cli"], demands: { job: "", hook: "", config: {} } };
    expect(manifestOf({ hooks: { hook_a } }, ["hook_a.js"]).hooks[0]).not.toHaveProperty("demand");
  });

  for (const demands of [
    { job: "db" },
    { hook: "hook_x" },
    { config: { a: 1 } },
    { job: "DB", hook: "hook_x" },
    { job: "db", hook: "x" },
    { job: "db", hook: "hook_x", config: { min_version: "x" } },
    { job: "db", hook: "hook_x", config: { max_version: 1.5 } },
    { job: "db", hook: "hook_x", config: { min_version: "2.0", max_version: "1.9" } },
    { job: "db", hook: "hook_x", config: [] },
    { job: "db", hook: "hook_x", more: 1 },
  ])
    test(`the demand ${JSON.stringify(demands)} is refused`, () => {
      const hook_a = { executed_on: ["cli"], demands };
      expect(refuses({ hooks: { hook_a } }, ["hook_a.js"])).toHaveLength(1);
    });

  for (const [name, hook] of [
    ["hook_a", { executed_on: ["startup"] }],
    ["hook_a", { executed_on: "cli" }],
    ["hook_a", { executed_on: [] }],
    ["hook_a", {}],
    ["hook_a", { executed_on: ["cli"], isolation: "vm" }],
    ["hook_", { executed_on: ["cli"] }],
    ["hook_A", { executed_on: ["cli"] }],
    [`hook_${"a".repeat(59)}`, { executed_on: ["cli"] }],
  ] as const)
    test(`${name.slice(0, 10)}: ${JSON.stringify(hook)} is refused`, () => {
      expect(refuses({ hooks: { [name]: hook } }, [`${name}.js`])).toHaveLength(1);
    });

  test("a job_control hook replaces the Makefile", () => {
    const manifest = { hooks: { hook_a: { executed_on: ["job_control"] } } };
    const checked = withManifest(manifest, [file("_hooks/hook_a.js")]);
    expect(messages(checked)).toEqual([]);
  });
});

describe("health check", () => {
  test("a file probe has every field that it may have", () => {
    const probes = [
      { path: "./data/..ready..", max_age_seconds: 0.5, contains: "\tit's $HOME: é" },
      { path: "-n", max_age_seconds: 1e9, contains: "x".repeat(200) },
    ];
    const checks = probes.map((probe) => ({ type: "file", ...probe }));
    expect(manifestOf({ health_check: { checks } }).healthCheck?.checks).toEqual(
      probes.map(({ max_age_seconds: maxAgeSeconds, ...probe }) => ({
        type: "file",
        ...probe,
        maxAgeSeconds,
      })),
    );
  });

  const ports = { http: {} };
  for (const health_check of [
    { checks: [{ type: "tcp" }] },
    { checks: [{ type: "tcp", port: "htpp" }] },
    { checks: [{ type: "tcp", port: 80 }] },
    { checks: [{ type: "udp", port: "http" }] },
    { checks: [{ type: "http", port: "http", path: "a b" }] },
    { checks: [{ type: "http", port: "http", expect_status: "200" }] },
    { checks: [{ type: "http", port: "http", insecure: "yes" }] },
    { checks: [{ type: "ssh", command: "" }] },
    { checks: [{ type: "ssh", command: "true", port: "http" }] },
    { checks: [{ type: "file" }] },
    { checks: [{ type: "file", path: "" }] },
    { checks: [{ type: "file", path: "/etc/passwd" }] },
    { checks: [{ type: "file", path: ".." }] },
    { checks: [{ type: "file", path: "../other/ready" }] },
    { checks: [{ type: "file", path: "data/../../other" }] },
    { checks: [{ type: "file", path: "data/\u2028/../../.." }] },
    { checks: [{ type: "file", path: "data/a\nb" }] },
    { checks: [{ type: "file", path: "x".repeat(1025) }] },
    { checks: [{ type: "file", path: "a", max_age_seconds: 0 }] },
    { checks: [{ type: "file", path: "a", max_age_seconds: -1 }] },
    { checks: [{ type: "file", path: "a", max_age_seconds: "60" }] },
    { checks: [{ type: "file", path: "a", contains: "" }] },
    { checks: [{ type: "file", path: "a", contains: "two\nlines" }] },
    { checks: [{ type: "file", path: "a", contains: "a\0b" }] },
    { checks: [{ type: "file", path: "a", contains: "x".repeat(201) }] },
    { checks: [{ type: "file", path: "a", port: "http" }] },
    { checks: {} },
    { timeout_seconds: -1 },
    { timeout_seconds: "5" },
    { wait: { attempts: 0 } },
    { wait: { interval_seconds: -1 } },
    { interval: 3 },
  ])
    test(`${JSON.stringify(health_check)} is refused`, () => {
      expect(refuses({ resources: { ports }, health_check })).toHaveLength(1);
    });
});

describe("certs", () => {
  test("every field is kept", () => {
    const tls = {
      subject: { common_name: "api", organization: "Example", country: "DE" },
      one: true,
      pkcs8: true,
      key: "ecdsa-p256",
      dns: ["*.example.com"],
    };
    expect(manifestOf({ certs: { tls } }).certs).toEqual([{ name: "tls", ...tls } as never]);
  });

  for (const cert of [
    {},
    { subject: {} },
    { subject: { common_name: "" } },
    { subject: { common_name: "x".repeat(65) } },
    { subject: { common_name: "x", country: "Germany" } },
    { subject: { common_name: "x", nickname: "y" } },
    { subject: { common_name: "x" }, key: "dsa" },
    { subject: { common_name: "x" }, one: 1 },
    { subject: { common_name: "x" }, dns: "a" },
    { subject: { common_name: "x" }, dns: ["a b"] },
  ])
    test(`${JSON.stringify(cert).slice(0, 60)} is refused`, () => {
      expect(refuses({ certs: { tls: cert } })).toHaveLength(1);
    });

  for (const name of ["ca", "A", "../x", "a..b", "-a", ""])
    test(`the name ${JSON.stringify(name)} is refused`, () => {
      expect(refuses({ certs: { [name]: { subject: { common_name: "x" } } } })).toHaveLength(1);
    });
});

test("names that every object has are names like others", () => {
  const manifest = manifestOf({
    resources: { ports: { constructor: {}, valueof: {} } },
    hooks: {},
    certs: { constructor: { subject: { common_name: "x" } } },
  });
  expect(Object.keys(manifest.ports)).toEqual(["constructor", "valueof"]);
  expect(manifest.certs[0]?.name).toBe("constructor");
});
