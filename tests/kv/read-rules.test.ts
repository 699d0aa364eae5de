// Who may read which namespace: the table, row by row, and nothing beside it.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { isBuildOwned, isSecretKey, parseNamespace } from "../../src/kv/namespaces.ts";
import { mayRead } from "../../src/kv/read-rules.ts";

const reader = { job: "api", demands: ["db"] };

const allowed = [
  "maand/bucket",
  "vars/bucket",
  "maand/worker",
  "maand/worker/10.0.0.1",
  "maand/worker/10.0.0.9/tags",
  "maand/worker/fd00::1",
  "maand/job/api",
  "maand/job/api/worker/10.0.0.1",
  "maand/job/api/worker/10.0.0.2",
  "vars/bucket/job/api",
  "vars/job/api",
  "secrets/job/api",
  "maand/job/db",
  "maand/job/db/worker/10.0.0.1",
  "vars/bucket/job/db",
  "vars/job/db",
  "secrets/job/db",
];

const refused = [
  "maand/job/web",
  "maand/job/web/worker/10.0.0.1",
  "vars/bucket/job/web",
  "vars/job/web",
  "secrets/job/web",
  "maand/prometheus",
  // Names that maand never writes.
  "",
  "maand",
  "vars",
  "secrets",
  "secrets/job",
  "maand/job",
  "maand/bucket/",
  "/maand/bucket",
  "maand//bucket",
  "maand/bucket/x",
  "maand/worker/10.0.0.1/labels",
  "maand/worker/10.0.0.1/tags/zone",
  "maand/worker/",
  "maand/job/api/worker",
  "maand/job/api/worker/10.0.0.1/x",
  "maand/job/api/workers/10.0.0.1",
  "vars/bucket/job",
  "vars/bucket/job/api/x",
  "secrets/job/api/x",
  "secrets/job/ap",
  "secrets/job/api2",
  "secrets/job/API",
  "secrets/bucket",
  " secrets/job/api",
];

for (const namespace of allowed)
  test(`may read ${namespace}`, () => {
    expect(mayRead(reader, namespace)).toBe(true);
  });

for (const namespace of refused)
  test(`may not read ${JSON.stringify(namespace)}`, () => {
    expect(mayRead(reader, namespace)).toBe(false);
  });

test("a demand opens one direction: the demanded job does not read the one that demands it", () => {
  expect(mayRead({ job: "db", demands: [] }, "secrets/job/api")).toBe(false);
});

test("nothing that names another job is readable, whatever surrounds it", () => {
  const names = fc.constantFrom(
    "maand",
    "vars",
    "secrets",
    "job",
    "bucket",
    "worker",
    "tags",
    "10.0.0.1",
    "web",
    "x",
  );
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 6 }), (parts) => {
      const namespace = parts.join("/");
      const parsed = parseNamespace(namespace);
      const isShared = parsed !== undefined && !("job" in parsed) && parsed.kind !== "prometheus";
      expect(mayRead(reader, namespace)).toBe(isShared);
      if (mayRead(reader, namespace))
        expect(namespace).toMatch(/^(maand\/bucket|vars\/bucket|maand\/worker(\/[^/]+(\/tags)?)?)$/);
    }),
  );
});

test("build owns maand/* and vars/bucket*, and never what hooks and operators write", () => {
  for (const namespace of allowed) {
    const isTheirs = namespace.startsWith("vars/job/") || namespace.startsWith("secrets/");
    expect(isBuildOwned(namespace)).toBe(!isTheirs);
  }
  expect(isBuildOwned("maand/prometheus")).toBe(true);
  expect(isBuildOwned("vars/bucketx")).toBe(false);
});

test("what is secret: job secrets and private keys of certificates", () => {
  expect(isSecretKey("secrets/job/api", "anything")).toBe(true);
  expect(isSecretKey("maand/job/api/worker/10.0.0.1", "certs/tls.key")).toBe(true);
  expect(isSecretKey("maand/job/api/worker/10.0.0.1", "certs/tls.crt")).toBe(false);
  expect(isSecretKey("vars/job/api", "password")).toBe(false);
});
