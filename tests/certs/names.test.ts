// Subjects and alternative names: what is accepted, and in which form it goes into a certificate.

import { describe, expect, test } from "bun:test";
import { alternativeNames, isAlternativeName } from "../../src/certs/alternative-names.ts";
import { subjectFields, subjectParts, subjectProblems } from "../../src/certs/subject.ts";

describe("alternative names", () => {
  test("loopback, workers, localhost, extra names, each once and canonical", () => {
    const names = alternativeNames(
      ["FD00:0:0::1", "10.0.0.2", "Node1", "localhost", "127.0.0.1"],
      ["*.Example.com", "10.0.0.2", "node1", "::ffff:10.0.0.2"],
    );
    expect(names.map(({ type, value }) => `${type}:${value}`)).toEqual([
      "ip:127.0.0.1",
      "ip:10.0.0.2",
      "ip:fd00::1",
      "dns:localhost",
      "dns:node1",
      "dns:*.example.com",
      "ip:::ffff:a00:2",
    ]);
  });

  test.each(["a", "a.b", "*.a.b", "_srv.a", "a_b.c", "10.0.0.1", "fd00::1", "xn--mnchen-3ya.de"])(
    "%s is one",
    (text) => {
      expect(isAlternativeName(text)).toBe(true);
    },
  );

  test.each([
    "",
    "*",
    "a.*",
    "*a.b",
    "-a",
    "a-",
    "a..b",
    "a.",
    "a b",
    "münchen.de",
    "1.2",
    "10.0.0.256",
    "a/b",
    "fd00::x",
    `${"a".repeat(64)}.b`,
  ])("%p is none", (text) => {
    expect(isAlternativeName(text)).toBe(false);
  });
});

describe("subject", () => {
  test("stands in certificate order whatever the order and spelling of the fields", () => {
    const parts = subjectParts({ common_name: "api", organization: "x", city: "y", country: "DE" });
    expect(parts.map(({ oid, value }) => [oid, value])).toEqual([
      ["2.5.4.6", "DE"],
      ["2.5.4.7", "y"],
      ["2.5.4.10", "x"],
      ["2.5.4.3", "api"],
    ]);
    expect(subjectParts({ locality: "y" })).toEqual(subjectParts({ city: "y" }));
  });

  test("every accepted field can be used", () => {
    for (const field of subjectFields) {
      expect(subjectParts({ [field]: "DE" })).toHaveLength(1);
      expect(subjectProblems({ common_name: "x", [field]: "DE" })).toEqual([]);
    }
    expect(subjectFields).toContain("common_name");
  });

  const faulty: [Record<string, string>, string][] = [
    [{ organization: "x" }, `common_name: "common_name" is missing`],
    [{ common_name: "" }, `common_name: "common_name" is empty`],
    [{ common_name: " " }, `common_name: "common_name" is empty`],
    [{ common_name: "a\nb" }, `common_name: "common_name" has control characters`],
    [{ common_name: "a\ud800" }, `common_name: "common_name" is not valid text`],
    [{ common_name: "x".repeat(65) }, `common_name: "common_name" has 65 characters`],
    [{ common_name: "x", country: "DEU" }, `country: "country" is not a two-letter code`],
    [{ common_name: "x", country: "D1" }, `country: "country" is not a two-letter code`],
    [
      { common_name: "x", serial_number: "a_b" },
      `serial_number: "serial_number" has characters that the format forbids`,
    ],
    [{ common_name: "x", email: "ü@x" }, `email: "email_address" has characters outside ASCII`],
    [
      { common_name: "x", state: "a", province: "b" },
      `province: "province" and "state" are the same attribute`,
    ],
  ];
  test.each(faulty)("%j is wrong", (subject, expected) => {
    const problems = subjectProblems(subject);
    expect(problems.map(({ field, message }) => `${field}: ${message}`)).toEqual([expected]);
    expect(problems[0]!.hint).not.toBe("");
  });

  test("limits count characters, not bytes", () => {
    expect(subjectProblems({ common_name: "ü".repeat(64) })).toEqual([]);
    expect(subjectProblems({ common_name: "😀".repeat(64) })).toEqual([]);
  });
});
