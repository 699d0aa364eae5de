// The bucket's CA: what openssl says of it, and every way in which its two files can be wrong.

import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  type Authority,
  authorityStatus,
  createAuthority,
  readAuthority,
  requireLiveAuthority,
  writeAuthority,
} from "../../src/certs/authority.ts";
import { describeCertificate } from "../../src/certs/describe.ts";
import { dayMs } from "../../src/certs/lifetime.ts";
import { MaandError } from "../../src/model/error.ts";
import { now } from "../support/builders/certs.ts";
import { mustOpenssl, put, verify } from "../support/openssl.ts";
import { maandErrorBy, maandRejectionOf } from "../support/thrown.ts";
import { useTempDirs } from "../support/use.ts";

const scratch = useTempDirs();

const bucketId = "7b0bb2b1-3c2b-4e62-9f7e-1f1b5c2c7a11";
const fingerprintOf = (certPem: string) => describeCertificate(certPem)!.fingerprint;

let authority: Authority;
let other: Authority;
beforeAll(async () => {
  authority = await createAuthority(bucketId, now);
  other = await createAuthority("other", now);
});

/** A secrets directory with these contents. */
function secretsWith(files: Record<string, string>): string {
  const dir = scratch();
  for (const [name, text] of Object.entries(files)) put(dir, name, text);
  return dir;
}

describe("createAuthority", () => {
  test("makes the documented CA", () => {
    const dir = secretsWith({ "ca.crt": authority.certPem });
    const text = mustOpenssl(dir, "x509", "-in", "ca.crt", "-noout", "-text");
    expect(text).toContain(`Issuer: CN = ${bucketId}`);
    expect(text).toContain(`Subject: CN = ${bucketId}`);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    expect(text).toContain("X509v3 Subject Key Identifier");
    expect(text).toContain("Not Before: Mar  1 09:20:30 2026 GMT");
    expect(text).toContain("Not After : Mar  1 10:20:30 2036 GMT");
    expect(text).toContain("ASN1 OID: prime256v1");
    expect(verify(dir, "ca.crt")).toEqual({ status: 0, output: "ca.crt: OK\n" });
  });

  test("gives a PKCS #8 key that belongs to it and is never printed", () => {
    const dir = secretsWith({ "ca.crt": authority.certPem, "ca.key": authority.keyPem.reveal() });
    expect(authority.keyPem.reveal()).toStartWith("-----BEGIN PRIVATE KEY-----\n");
    const fromKey = mustOpenssl(dir, "pkey", "-in", "ca.key", "-pubout");
    expect(mustOpenssl(dir, "x509", "-in", "ca.crt", "-noout", "-pubkey")).toBe(fromKey);
    expect(JSON.stringify(authority)).not.toContain("PRIVATE");
  });

  test("gives each CA its own key and serial", () => {
    expect(fingerprintOf(other.certPem)).not.toBe(fingerprintOf(authority.certPem));
    expect(other.keyPem.reveal()).not.toBe(authority.keyPem.reveal());
  });

  test("fingerprint is the one that openssl computes", () => {
    const dir = secretsWith({ "ca.crt": authority.certPem });
    const printed = mustOpenssl(dir, "x509", "-in", "ca.crt", "-noout", "-fingerprint", "-sha256");
    expect(fingerprintOf(authority.certPem)).toBe(
      printed.trim().split("=")[1]!.replaceAll(":", "").toLowerCase(),
    );
  });
});

describe("writeAuthority and readAuthority", () => {
  test("a CA comes back byte for byte, from files that only the owner may read", async () => {
    const dir = join(scratch(), "secrets");
    await writeAuthority(dir, authority);
    const read = await readAuthority(dir);
    expect(read?.certPem).toBe(authority.certPem);
    expect(read?.keyPem.reveal()).toBe(authority.keyPem.reveal());
    expect(readdirSync(dir).sort()).toEqual(["ca.crt", "ca.key"]);
    for (const name of ["ca.crt", "ca.key"]) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  test("what a crash left under a temporary name is replaced, with the right mode", async () => {
    const dir = secretsWith({ ".ca.key.new": "half" });
    chmodSync(join(dir, ".ca.key.new"), 0o644);
    await writeAuthority(dir, authority);
    expect(readdirSync(dir).sort()).toEqual(["ca.crt", "ca.key"]);
    expect(statSync(join(dir, "ca.key")).mode & 0o777).toBe(0o600);
  });

  test.each(["ca.crt", "ca.key"])("never overwrites: %s exists", async (name) => {
    const dir = secretsWith({ [name]: "kept" });
    const error = await maandRejectionOf(writeAuthority(dir, authority));
    expect([error.kind, error.where.file]).toEqual(["local", `secrets/${name}`]);
    expect(readdirSync(dir)).toEqual([name]);
    expect(readFileSync(join(dir, name), "utf8")).toBe("kept");
  });

  test("a directory that cannot be made is an error that leaves nothing behind", async () => {
    const dir = secretsWith({ file: "" });
    const error = await maandRejectionOf(writeAuthority(join(dir, "file", "secrets"), authority));
    expect(error.kind).toBe("local");
    expect(existsSync(join(dir, "file", "secrets"))).toBe(false);
  });

  test("a failed rename leaves no temporary files and no certificate", async () => {
    const dir = scratch();
    // A directory stands where a temporary file must go, and cannot be removed as a file.
    mkdirSync(join(dir, ".ca.crt.new", "full"), { recursive: true });
    const error = await maandRejectionOf(writeAuthority(dir, authority));
    expect(error.kind).toBe("local");
    expect(readdirSync(dir)).toEqual([".ca.crt.new"]);
  });

  test("no files are no CA", async () => {
    expect(await readAuthority(scratch())).toBeUndefined();
    expect(await readAuthority(join(scratch(), "missing"))).toBeUndefined();
  });

  test.each([
    ["ca.crt", "ca.key"],
    ["ca.key", "ca.crt"],
  ])("%s without %s is an error", async (present, missing) => {
    const text = present === "ca.crt" ? authority.certPem : authority.keyPem.reveal();
    const error = await maandRejectionOf(readAuthority(secretsWith({ [present]: text })));
    expect([error.kind, error.message]).toEqual(["local", `secrets/${missing} is missing`]);
    expect(error.why).toContain(`secrets/${present}`);
    expect(error.hint).toContain("backup");
  });

  const cases: [string, () => Record<string, string>, string, string][] = [
    [
      "a damaged certificate",
      () => ({ "ca.crt": authority.certPem.replace("M", "?"), "ca.key": authority.keyPem.reveal() }),
      "secrets/ca.crt",
      "the CA certificate cannot be read",
    ],
    [
      "an empty certificate",
      () => ({ "ca.crt": "", "ca.key": authority.keyPem.reveal() }),
      "secrets/ca.crt",
      "the CA certificate cannot be read",
    ],
    [
      "a damaged key",
      () => ({ "ca.crt": authority.certPem, "ca.key": authority.keyPem.reveal().slice(0, 90) }),
      "secrets/ca.key",
      "the CA key cannot be read",
    ],
    [
      "the key of another CA",
      () => ({ "ca.crt": authority.certPem, "ca.key": other.keyPem.reveal() }),
      "secrets/ca.key",
      "the CA key does not belong to the CA certificate",
    ],
  ];
  test.each(cases)("%s is an error", async (_, files, file, message) => {
    const error = await maandRejectionOf(readAuthority(secretsWith(files())));
    expect([error.kind, error.where.file, error.message]).toEqual(["local", file, message]);
    const everything = `${error.message} ${error.why} ${error.hint} ${error.stack} ${String(error.cause)}`;
    expect(everything).not.toContain(authority.keyPem.reveal().split("\n")[1]!);
  });

  test("a directory in place of a file is an error", async () => {
    const dir = scratch();
    mkdirSync(join(dir, "ca.crt"));
    const error = await maandRejectionOf(readAuthority(dir));
    expect([error.kind, error.message]).toEqual(["local", "cannot read secrets/ca.crt"]);
  });

  test("a certificate that is no CA is an error", async () => {
    const dir = scratch();
    const made = ["-keyout", "ca.key", "-out", "ca.crt", "-addext", "basicConstraints=critical,CA:FALSE"];
    mustOpenssl(dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=leaf", ...made);
    expect((await maandRejectionOf(readAuthority(dir))).message).toBe("the certificate is not a CA");
  });

  test("a key with a passphrase is an error that says so", async () => {
    const dir = secretsWith({ "ca.crt": authority.certPem, plain: authority.keyPem.reveal() });
    mustOpenssl(dir, "pkey", "-in", "plain", "-aes256", "-passout", "pass:x", "-out", "ca.key");
    rmSync(join(dir, "plain"));
    const error = await maandRejectionOf(readAuthority(dir));
    expect([error.message, error.why]).toEqual(["the CA key cannot be read", "it has a passphrase"]);
  });
});

describe("the end of the CA", () => {
  const begin = Date.parse("2026-03-01T09:20:30Z");
  const end = Date.parse("2036-03-01T10:20:30Z");
  test.each([
    [begin - 1, 10, "not_yet_valid", 3653],
    [begin, 10, "ok", 3653],
    [now, 10, "ok", 3652],
    [end - 10 * dayMs - 1, 10, "ok", 10],
    [end - 10 * dayMs, 10, "expiring", 10],
    [end - 1, 10, "expiring", 0],
    [end - 1, 0, "ok", 0],
    [end, 0, "expired", 0],
    [end + 2 * dayMs, 10, "expired", -2],
  ] as const)("at %d with a buffer of %d days it is %s", (at, buffer, status, daysLeft) => {
    expect(authorityStatus(authority.certPem, at, buffer)).toEqual({
      status,
      daysLeft,
      notBefore: begin,
      notAfter: end,
    });
  });

  test("a CA that has not begun is refused, with both times", () => {
    expect(() => requireLiveAuthority(authority.certPem, begin)).not.toThrow();
    const error = maandErrorBy(() => requireLiveAuthority(authority.certPem, begin - 1), "local");
    expect(error.message).toBe("the bucket's CA is not valid yet");
    expect(error.why).toContain(new Date(begin).toISOString());
  });

  test("an expired CA is refused, one millisecond earlier it is not", () => {
    expect(() => requireLiveAuthority(authority.certPem, end - 1)).not.toThrow();
    expect(() => requireLiveAuthority(authority.certPem, end)).toThrow(MaandError);
  });
});
