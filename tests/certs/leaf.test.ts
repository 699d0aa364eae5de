// Leaves as openssl sees them: names, usage, lifetimes, key forms, and CAs that were not made here.

import { beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { alternativeNames } from "../../src/certs/alternative-names.ts";
import { type Authority, createAuthority, readAuthority, writeAuthority } from "../../src/certs/authority.ts";
import { describeCertificate } from "../../src/certs/describe.ts";
import { issueAll, issueLeaf, type LeafContent } from "../../src/certs/leaf.ts";
import { dayMs } from "../../src/certs/lifetime.ts";
import { planCertificates } from "../../src/certs/plan.ts";
import { Secret } from "../../src/model/secret.ts";
import { content, declaration, now } from "../support/builders/certs.ts";
import { mustOpenssl, put, verify } from "../support/openssl.ts";
import { maandRejectionOf } from "../support/thrown.ts";
import { useTempDirs } from "../support/use.ts";

const scratch = useTempDirs();

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority("bucket", now);
});

/** Issues one leaf and leaves it with its CA in a directory for openssl. */
async function made(change: Partial<LeafContent> = {}, signer = authority, at = now) {
  const dir = scratch();
  const leaf = await issueLeaf(content(change), signer, at);
  put(dir, "ca.crt", signer.certPem);
  put(dir, "leaf.crt", leaf.certPem);
  put(dir, "leaf.key", leaf.keyPem.reveal());
  return {
    dir,
    leaf,
    text: mustOpenssl(dir, "x509", "-in", "leaf.crt", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus"),
  };
}

describe("the certificate", () => {
  test("is the documented one", async () => {
    const { dir, text, leaf } = await made({
      subject: { common_name: "api", organization: "Shop", country: "DE" },
    });
    expect(text).toContain("Issuer: CN=bucket");
    expect(text).toContain("Subject: C=DE,O=Shop,CN=api");
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(
      /Extended Key Usage: \s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
    );
    expect(text).toContain("IP Address:127.0.0.1, IP Address:10.0.0.1, DNS:localhost\n");
    expect(text).toContain("Authority Key Identifier");
    expect(text).toContain("Not Before: Mar  1 09:20:30 2026 GMT");
    expect(text).toContain("Not After : Apr 30 10:20:30 2026 GMT");
    expect(describeCertificate(leaf.certPem)?.notAfter).toBe(leaf.notAfter);
    expect(describeCertificate(leaf.certPem)?.commonName).toBe("api");
    for (const purpose of ["sslserver", "sslclient"])
      expect(verify(dir, "leaf.crt", "-purpose", purpose)).toEqual({ status: 0, output: "leaf.crt: OK\n" });
  });

  test("carries IPv4, IPv6 and DNS names that openssl matches, and no others", async () => {
    const workers = ["10.0.0.1", "FD00::00A:1", "node1.example"];
    const { dir } = await made({ workers, names: alternativeNames(workers, ["*.api.example"]) });
    for (const ip of ["127.0.0.1", "10.0.0.1", "fd00:0:0:0:0:0:a:1"])
      expect(verify(dir, "leaf.crt", "-verify_ip", ip).status).toBe(0);
    for (const name of ["localhost", "node1.example", "x.api.example"])
      expect(verify(dir, "leaf.crt", "-verify_hostname", name).status).toBe(0);
    expect(verify(dir, "leaf.crt", "-verify_ip", "10.0.0.2").output).toContain("IP address mismatch");
    expect(verify(dir, "leaf.crt", "-verify_hostname", "api.example").output).toContain("hostname mismatch");
  });

  test("keeps every character of the subject as it was written", async () => {
    const subject = { common_name: "#0c03", organization: 'A "quoted", Ünit + \\0a = 東', email: "a@b" };
    const { dir, leaf } = await made({ subject });
    expect(describeCertificate(leaf.certPem)?.commonName).toBe("#0c03");
    const name = new X509Certificate(leaf.certPem).toLegacyObject().subject as unknown as Record<
      string,
      string
    >;
    expect(name.O).toBe(subject.organization);
    expect(verify(dir, "leaf.crt").status).toBe(0);
  });

  test("never outlives its CA", async () => {
    const end = describeCertificate(authority.certPem)!.notAfter;
    const late = end - 5 * dayMs;
    const { leaf } = await made({}, authority, late);
    expect(leaf.notAfter).toBe(end);
    expect(describeCertificate(leaf.certPem)?.notAfter).toBe(end);
  });

  test("survives the year 2050, where the date format changes", async () => {
    const at = Date.parse("2049-12-01T00:00:00Z");
    const late = await createAuthority("late", at);
    const { leaf } = await made({}, late, at);
    expect(describeCertificate(leaf.certPem)?.notAfter).toBe(at + 60 * dayMs);
    expect(describeCertificate(late.certPem)?.notAfter).toBe(Date.parse("2059-12-01T00:00:00Z"));
  });

  test("has a positive serial of its own each time", async () => {
    const leaves = await issueAll(Array(20).fill(content()), authority, now, 4);
    const serials = leaves.map(({ certPem }) => new X509Certificate(certPem).serialNumber);
    expect(new Set(serials).size).toBe(20);
    expect(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial))).toBe(true);
    expect(new Set(leaves.map(({ keyPem }) => keyPem.reveal())).size).toBe(20);
  });
});

describe("the key", () => {
  const kinds: [LeafContent["key"], boolean, string, string, number | undefined][] = [
    ["rsa-2048", false, "RSA PRIVATE KEY", "rsa", 2048],
    ["rsa-2048", true, "PRIVATE KEY", "rsa", 2048],
    ["rsa-4096", false, "RSA PRIVATE KEY", "rsa", 4096],
    ["rsa-4096", true, "PRIVATE KEY", "rsa", 4096],
    ["ecdsa-p256", false, "EC PRIVATE KEY", "ec", undefined],
    ["ecdsa-p256", true, "PRIVATE KEY", "ec", undefined],
  ];
  test.each(kinds)(
    "%s with pkcs8 %p is a %s",
    async (key, pkcs8, header, type, bits) => {
      const { dir, leaf, text } = await made({ key, pkcs8 });
      const pem = leaf.keyPem.reveal();
      expect(pem).toStartWith(`-----BEGIN ${header}-----\n`);
      expect(pem).toEndWith(`-----END ${header}-----\n`);
      expect(leaf.certPem).toEndWith("-----END CERTIFICATE-----\n");
      const parsed = createPrivateKey(pem);
      expect([parsed.asymmetricKeyType, parsed.asymmetricKeyDetails?.modulusLength]).toEqual([
        type,
        bits,
      ] as never);
      const fromKey = mustOpenssl(dir, "pkey", "-in", "leaf.key", "-pubout");
      expect(mustOpenssl(dir, "x509", "-in", "leaf.crt", "-noout", "-pubkey")).toBe(fromKey);
      const usage = type === "rsa" ? "Digital Signature, Key Encipherment" : "Digital Signature";
      expect(text).toMatch(new RegExp(`Key Usage: critical\\s+${usage}\\n`));
      expect(verify(dir, "leaf.crt").status).toBe(0);
      expect(JSON.stringify(leaf)).not.toContain("PRIVATE");
    },
    60_000,
  );
});

describe("issueAll", () => {
  test("carries out a plan, in its order", async () => {
    const { fingerprint, notAfter } = describeCertificate(authority.certPem)!;
    const plan = planCertificates({
      jobs: [
        { job: "api", certs: [declaration()], workers: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] },
        { job: "db", certs: [declaration({ one: true })], workers: ["10.0.0.1", "fd00::2"] },
      ],
      stored: [],
      authority: { fingerprint, notAfter },
      now,
      ttlDays: 60,
      renewalBufferDays: 10,
    });
    const leaves = await issueAll(plan.issue, authority, now, 2);
    const names = leaves.map(({ certPem }) => new X509Certificate(certPem).subjectAltName);
    expect(names[2]).toContain("IP Address:10.0.0.3");
    expect(names[3]).toContain("IP Address:10.0.0.1");
    expect(names[3]).toContain("IP Address:FD00:0:0:0:0:0:0:2");
    expect(leaves).toHaveLength(4);
  });

  test("nothing to do needs no CA", async () => {
    expect(await issueAll([], { certPem: "", keyPem: new Secret("") }, now, 4)).toEqual([]);
  });

  test("an abort begins no further one", async () => {
    const error = await maandRejectionOf(issueAll([content()], authority, now, 4, AbortSignal.abort()));
    expect(error.kind).toBe("interrupted");
  });

  test("a failure names the certificate, the job and the worker", async () => {
    const bad = content({ names: [{ type: "ip", value: "not an address" }] });
    const error = await maandRejectionOf(issueAll([content(), bad], authority, now, 4));
    expect([error.kind, error.message]).toEqual(["local", `cannot make certificate "tls"`]);
    expect(error.where).toEqual({ job: "api", worker: "10.0.0.1" });
  });

  test("an expired CA signs nothing", async () => {
    const end = describeCertificate(authority.certPem)!.notAfter;
    const error = await maandRejectionOf(issueAll([content()], authority, end, 4));
    expect([error.kind, error.message]).toEqual(["local", "the bucket's CA has expired"]);
  });
});

describe("a CA from elsewhere", () => {
  const fromOpenssl = async (subject: string, ...key: string[]) => {
    const dir = scratch();
    const files = ["-keyout", "ca.key", "-out", "ca.crt", "-days", "3000"];
    files.push("-addext", "keyUsage=critical,keyCertSign");
    mustOpenssl(dir, "req", "-x509", "-nodes", ...key, "-subj", subject, "-utf8", ...files);
    return (await readAuthority(dir))!;
  };
  const curve = (name: string) => ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${name}`];

  test.each([
    ["RSA", ["-newkey", "rsa:2048"]],
    ["P-384", curve("P-384")],
    ["P-521", curve("P-521")],
  ])("%s signs leaves that verify now", async (_, key) => {
    const signer = await fromOpenssl('/C=DE/O=Ünit, \\"x\\"/CN=own ca/emailAddress=a@b', ...key);
    // The clock that openssl reads is a coarse one, and may have been a moment ahead.
    const { dir } = await made({}, signer, Date.now() + 1000);
    expect(mustOpenssl(dir, "verify", "-x509_strict", "-CAfile", "ca.crt", "leaf.crt")).toBe(
      "leaf.crt: OK\n",
    );
  });

  test("without a key identifier, and with old string types, it works too", async () => {
    const dir = scratch();
    const config =
      "[req]\ndistinguished_name=dn\nstring_mask=nombstr\nprompt=no\n[dn]\nO=Old \\xe9\nCN=old\n[v3]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=none\n";
    put(dir, "c.cnf", config);
    const files = [
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-days",
      "3000",
      "-config",
      "c.cnf",
      "-extensions",
      "v3",
    ];
    mustOpenssl(dir, "req", "-x509", "-nodes", "-newkey", "rsa:2048", ...files);
    const signer = (await readAuthority(dir))!;
    const leaf = await issueLeaf(content(), signer, Date.now());
    put(dir, "leaf.crt", leaf.certPem);
    expect(mustOpenssl(dir, "verify", "-CAfile", "ca.crt", "leaf.crt")).toBe("leaf.crt: OK\n");
  });

  test("a key in PKCS #1 or SEC 1 form is taken", async () => {
    for (const [kind, command] of [
      [["-newkey", "rsa:2048"], "rsa"],
      [curve("P-256"), "ec"],
    ] as const) {
      const signer = await fromOpenssl("/CN=own", ...kind);
      const dir = scratch();
      put(dir, "pkcs8", signer.keyPem.reveal());
      put(dir, "ca.crt", signer.certPem);
      const traditional = command === "rsa" ? ["-traditional"] : [];
      mustOpenssl(dir, command, "-in", "pkcs8", ...traditional, "-out", "ca.key");
      expect(readFileSync(join(dir, "ca.key"), "utf8")).toContain(
        `BEGIN ${command.toUpperCase()} PRIVATE KEY`,
      );
      const leaf = await issueLeaf(content(), (await readAuthority(dir))!, Date.now());
      put(dir, "leaf.crt", leaf.certPem);
      expect(mustOpenssl(dir, "verify", "-CAfile", "ca.crt", "leaf.crt")).toBe("leaf.crt: OK\n");
    }
  });

  test.each([
    ["ed25519", ["-newkey", "ed25519"], "the CA key is of a kind that maand cannot sign with"],
    ["secp256k1", curve("secp256k1"), "the CA key cannot be read"],
  ])("%s is refused with a reason", async (_, key, message) => {
    const made = fromOpenssl("/CN=own", ...key);
    const error = await maandRejectionOf(made.then((signer) => issueLeaf(content(), signer, Date.now())));
    expect([error.kind, error.where.file, error.message]).toEqual(["local", "secrets/ca.key", message]);
  });
});

test("reading, planning and showing never load the certificate library; issuing does", async () => {
  const dir = join(scratch(), "secrets");
  await writeAuthority(dir, authority);
  const src = (file: string) => JSON.stringify(join(import.meta.dir, "../../src/certs", file));
  const script = `
    const { readAuthority, authorityStatus } = await import(${src("authority.ts")});
    const { planCertificates } = await import(${src("plan.ts")});
    const { certRows } = await import(${src("status.ts")});
    const { issueAll } = await import(${src("leaf.ts")});
    const ca = await readAuthority(${JSON.stringify(dir)});
    authorityStatus(ca.certPem, ${now}, 10);
    planCertificates({ jobs: [], stored: [], authority: { fingerprint: "", notAfter: 0 }, now: 0, ttlDays: 1, renewalBufferDays: 0 });
    const rows = certRows({ authority: ca.certPem, held: [], now: ${now}, bufferDays: 10 });
    await issueAll([], ca, ${now}, 1);
    const before = typeof Reflect.getMetadata;
    await issueAll([${JSON.stringify(content())}], ca, ${now}, 1);
    console.log(rows[0].status, before, typeof Reflect.getMetadata);
  `;
  const run = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 30_000 });
  expect([run.stdout, run.stderr]).toEqual(["ok undefined function\n", ""]);
});
