// The rows of `cat certs`.

import { beforeAll, describe, expect, test } from "bun:test";
import { type Authority, createAuthority } from "../../src/certs/authority.ts";
import { describeCertificate } from "../../src/certs/describe.ts";
import { issueLeaf } from "../../src/certs/leaf.ts";
import { dayMs, expiryOf, leafEnd } from "../../src/certs/lifetime.ts";
import { certRows } from "../../src/certs/status.ts";
import { content, now } from "../support/builders/certs.ts";

let authority: Authority;
let certPem: string;
beforeAll(async () => {
  authority = await createAuthority("bucket", now);
  certPem = (await issueLeaf(content(), authority, now)).certPem;
});
const end = Date.parse("2026-04-30T10:20:30Z");

describe("certRows", () => {
  test("has the documented columns, the CA first", () => {
    const held = { job: "api", worker: "10.0.0.1", cert: "tls", one: false, certPem };
    const rows = certRows({ authority: authority.certPem, held: [held], now, bufferDays: 10 });
    const columns = ["scope", "job", "worker", "cert", "common_name", "not_after", "days_left", "status"];
    expect(rows.map((row) => Object.keys(row))).toEqual([columns, columns]);
    expect(rows.map((row) => Object.values(row))).toEqual([
      ["ca", "", "", "ca", "bucket", "2036-03-01T10:20:30Z", 3652, "ok"],
      ["allocation", "api", "10.0.0.1", "tls", "api", "2026-04-30T10:20:30Z", 59, "ok"],
    ]);
  });

  test("a shared pair is one row; own pairs keep the order of their workers", () => {
    const row = (job: string, worker: string, one: boolean) => ({ job, worker, cert: "tls", one, certPem });
    const held = [row("web", "b", false), row("web", "a", false), row("db", "b", true), row("db", "a", true)];
    const rows = certRows({ held, now, bufferDays: 10 });
    expect(rows.map(({ scope, job, worker }) => [scope, job, worker])).toEqual([
      ["job", "db", ""],
      ["allocation", "web", "b"],
      ["allocation", "web", "a"],
    ]);
  });

  test("tells what is missing or damaged", () => {
    const held = [
      { job: "api", worker: "a", cert: "tls", one: false },
      { job: "api", worker: "b", cert: "tls", one: false, certPem: "damaged" },
    ];
    const rows = certRows({ authority: "missing", held, now, bufferDays: 10 });
    expect(rows.map(({ status, days_left, not_after }) => [status, days_left, not_after])).toEqual([
      ["missing", null, ""],
      ["missing", null, ""],
      ["damaged", null, ""],
    ]);
  });

  test.each([
    [Date.parse("2026-03-01T09:20:30Z") - 1, "not_yet_valid", 60],
    [end - 10 * dayMs - 1, "ok", 10],
    [end - 10 * dayMs, "expiring", 10],
    [end - 1, "expiring", 0],
    [end, "expired", 0],
    [end + dayMs, "expired", -1],
  ] as const)("at %d a leaf is %s", (at, status, daysLeft) => {
    const held = [{ job: "api", worker: "a", cert: "tls", one: false, certPem }];
    const [row] = certRows({ held, now: at, bufferDays: 10 });
    expect([row?.status, row?.days_left]).toEqual([status, daysLeft]);
  });
});

describe("lifetimes", () => {
  test("days left are never a negative zero, which JSON and tables would show oddly", () => {
    expect(Object.is(expiryOf({ notBefore: 0, notAfter: 1000 }, 2000, 0).daysLeft, 0)).toBe(true);
  });

  test("a leaf ends on a whole second, `ttl` days away or with its CA", () => {
    expect(leafEnd(1_999, 1, Number.MAX_SAFE_INTEGER)).toBe(dayMs + 1000);
    expect(leafEnd(1_999, 60, 5000)).toBe(5000);
  });

  test("what is not a certificate has no facts", () => {
    for (const text of ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
      expect(describeCertificate(text)).toBeUndefined();
  });
});
