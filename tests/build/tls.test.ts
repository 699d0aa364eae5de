// Certificates of a build, judged by openssl, through the executable.

import { Database } from "bun:sqlite";
import { beforeAll, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readAuthority } from "../../src/certs/authority.ts";
import { issueLeaf } from "../../src/certs/leaf.ts";
import { content } from "../support/builders/certs.ts";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, readKv, revealed } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

const defaults = "certs_ttl = 60\ncerts_renewal_buffer = 10\n";

beforeAll(() => {
  mkdirSync(bucket.path("scratch"));
});
beforeEach(() => {
  clearWorkspace(bucket);
  bucket.write("maand.conf", defaults);
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "db-2.example.com" }]);
});

function openssl(...args: string[]): string {
  const run = spawnSync("openssl", args, { cwd: bucket.path("scratch"), encoding: "utf8", timeout: 30_000 });
  if (run.status !== 0) throw new Error(`openssl ${args.join(" ")}: ${run.stdout}${run.stderr}`);
  return run.stdout;
}

const job = (name: string, certs: object) => writeBareJob(bucket, name, { selectors: ["worker"], certs });

const ecdsa = (more: object = {}) => ({ subject: { common_name: "api" }, key: "ecdsa-p256", ...more });

interface Pair {
  crt: string;
  key: string;
}

async function pair(name: string, host: string, cert = "tls"): Promise<Pair> {
  const namespace = `maand/job/${name}/worker/${host}`;
  return {
    crt: await revealed(bucket, namespace, `certs/${cert}.crt`),
    key: await revealed(bucket, namespace, `certs/${cert}.key`),
  };
}

/** Lays a pair down for openssl, and checks that the key is that of the certificate. */
function lay({ crt, key }: Pair): void {
  writeFileSync(join(bucket.path("scratch"), "leaf.crt"), crt);
  writeFileSync(join(bucket.path("scratch"), "leaf.key"), key);
  copyFileSync(bucket.path("secrets/ca.crt"), bucket.path("scratch/ca.crt"));
  expect(new X509Certificate(crt).checkPrivateKey(createPrivateKey(key))).toBe(true);
}

function namesOf(crt: string): string[] {
  return (new X509Certificate(crt).subjectAltName ?? "").split(", ").toSorted();
}

test("a pair per allocation verifies against the CA, for server and client, under its own addresses only", async () => {
  job("api", { tls: ecdsa({ dns: ["api.internal"] }) });
  expect(await build(bucket)).toMatchObject({ certificates_issued: 2, certificates_renewed: 0 });
  const first = await pair("api", "10.0.0.1");
  const second = await pair("api", "db-2.example.com");
  expect(first.key).not.toBe(second.key);
  expect(namesOf(first.crt)).toEqual([
    "DNS:api.internal",
    "DNS:localhost",
    "IP Address:10.0.0.1",
    "IP Address:127.0.0.1",
  ]);
  expect(namesOf(second.crt)).toEqual([
    "DNS:api.internal",
    "DNS:db-2.example.com",
    "DNS:localhost",
    "IP Address:127.0.0.1",
  ]);
  lay(first);
  for (const purpose of ["sslserver", "sslclient"])
    openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.crt", "leaf.crt");
  openssl("verify", "-CAfile", "ca.crt", "-verify_ip", "10.0.0.1", "leaf.crt");
  openssl("verify", "-CAfile", "ca.crt", "-verify_hostname", "api.internal", "leaf.crt");
  expect(() => openssl("verify", "-CAfile", "ca.crt", "-verify_ip", "10.0.0.2", "leaf.crt")).toThrow();
  const shown = openssl("x509", "-in", "leaf.crt", "-noout", "-subject", "-ext", "extendedKeyUsage");
  expect(shown).toContain("CN = api");
  expect(shown).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
});

test("one: true is one pair for all, with the names of all allocated workers", async () => {
  job("mesh", { tls: ecdsa({ one: true }) });
  expect(await build(bucket)).toMatchObject({ certificates_issued: 1 });
  const first = await pair("mesh", "10.0.0.1");
  expect(await pair("mesh", "db-2.example.com")).toEqual(first);
  expect(namesOf(first.crt)).toEqual([
    "DNS:db-2.example.com",
    "DNS:localhost",
    "IP Address:10.0.0.1",
    "IP Address:127.0.0.1",
  ]);
  lay(first);
  openssl("verify", "-x509_strict", "-CAfile", "ca.crt", "leaf.crt");
});

test("the CA is what init made: CN is the bucket id, ten years, no CA below it", async () => {
  await build(bucket);
  copyFileSync(bucket.path("secrets/ca.crt"), bucket.path("scratch/ca.crt"));
  const shown = openssl("x509", "-in", "ca.crt", "-noout", "-subject", "-ext", "basicConstraints,keyUsage");
  const kv = await readKv(bucket);
  expect(shown).toContain(`CN = ${kv["maand/bucket"]!.bucket_id}`);
  expect(shown).toContain("CA:TRUE, pathlen:0");
  expect(shown).toContain("Certificate Sign, CRL Sign");
  const { validFrom, validTo } = new X509Certificate(bucket.read("secrets/ca.crt"));
  expect(new Date(validTo).getUTCFullYear() - new Date(validFrom).getUTCFullYear()).toBe(10);
  expect(kv["maand/worker"]!["certs/ca.crt"]).toBe(bucket.read("secrets/ca.crt"));
});

const forms = [
  ["rsa-2048", false, "RSA PRIVATE KEY"],
  ["rsa-2048", true, "PRIVATE KEY"],
  ["ecdsa-p256", false, "EC PRIVATE KEY"],
  ["ecdsa-p256", true, "PRIVATE KEY"],
] as const;

test("keys: rsa-2048 unless said otherwise; PKCS#1, SEC1 and PKCS#8 headers", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  const certs = forms.map(
    ([key, pkcs8], i) => [`c${i}`, { subject: { common_name: "k" }, key, pkcs8 }] as const,
  );
  job("keys", { ...Object.fromEntries(certs), plain: { subject: { common_name: "k" } } });
  await build(bucket);
  for (const [i, [kind, , header]] of forms.entries()) {
    const made = await pair("keys", "10.0.0.1", `c${i}`);
    expect(made.key).toStartWith(`-----BEGIN ${header}-----\n`);
    expect(made.key).toEndWith(`-----END ${header}-----\n`);
    lay(made);
    openssl("verify", "-x509_strict", "-CAfile", "ca.crt", "leaf.crt");
    const type = kind === "rsa-2048" ? "rsa" : "ec";
    expect(
      createPublicKey(new X509Certificate(made.crt).publicKey.export({ type: "spki", format: "pem" }))
        .asymmetricKeyType,
    ).toBe(type);
  }
  const plain = await pair("keys", "10.0.0.1", "plain");
  expect(plain.key).toStartWith("-----BEGIN RSA PRIVATE KEY-----\n");
  expect(createPrivateKey(plain.key).asymmetricKeyDetails?.modulusLength).toBe(2048);
});

test("a private key is encrypted and masked like a secret, and its last newline is kept", async () => {
  job("api", { tls: ecdsa() });
  await build(bucket);
  const { crt, key } = await pair("api", "10.0.0.1");
  expect(crt).toEndWith("-----END CERTIFICATE-----\n");
  const kv = await readKv(bucket);
  expect(kv["maand/job/api/worker/10.0.0.1"]).toMatchObject({ "certs/tls.crt": crt, "certs/tls.key": "***" });
  const everything = await bucket.maand("cat", "kv", "--json");
  const body = key.split("\n")[1]!;
  expect(everything.stdout).not.toContain(body);
  // Not in the file either, nor in the journal beside it.
  expect(bucket.read("data/maand.db")).not.toContain(body);
  const hidden = await bucket.maand("cat", "kv", "get", "maand/job/api/worker/10.0.0.1", "certs/tls.key");
  expect(hidden.stdout).toBe("***\n");
});

test("a rebuild reuses every pair byte for byte; a new worker gets its own and touches no other's", async () => {
  job("api", { tls: ecdsa(), web: ecdsa({ dns: ["w"] }) });
  await build(bucket);
  const before = await readKv(bucket);
  const key = await pair("api", "10.0.0.1");
  expect(await build(bucket)).toMatchObject({ changed: false, certificates_issued: 0 });
  bucket.write("workspace/workers.json", [
    { host: "10.0.0.9" },
    { host: "10.0.0.1" },
    { host: "db-2.example.com" },
  ]);
  expect(await build(bucket)).toMatchObject({ certificates_issued: 2, certificates_renewed: 0 });
  const after = await readKv(bucket);
  for (const host of ["10.0.0.1", "db-2.example.com"])
    for (const cert of ["tls", "web"])
      expect(after[`maand/job/api/worker/${host}`]![`certs/${cert}.crt`]).toBe(
        before[`maand/job/api/worker/${host}`]![`certs/${cert}.crt`]!,
      );
  expect(await pair("api", "10.0.0.1")).toEqual(key);
  lay(await pair("api", "10.0.0.9"));
});

test("one: true is made again when the set of workers changes, and only then", async () => {
  job("mesh", { tls: ecdsa({ one: true }) });
  await build(bucket);
  const first = await pair("mesh", "10.0.0.1");
  bucket.write("workspace/workers.json", [{ host: "db-2.example.com" }, { host: "10.0.0.1" }]);
  expect(await build(bucket)).toMatchObject({ changed: true, certificates_issued: 0 });
  bucket.write("workspace/workers.json", [
    { host: "10.0.0.1" },
    { host: "10.0.0.7" },
    { host: "db-2.example.com" },
  ]);
  expect(await build(bucket)).toMatchObject({ certificates_issued: 1 });
  const second = await pair("mesh", "10.0.0.7");
  expect(second.crt).not.toBe(first.crt);
  expect(namesOf(second.crt)).toContain("IP Address:10.0.0.7");
  expect(await pair("mesh", "10.0.0.1")).toEqual(second);
});

test("a changed entry is made again, the others are not; a dropped entry drops its keys", async () => {
  job("api", { tls: ecdsa(), other: ecdsa() });
  await build(bucket);
  const tls = await pair("api", "10.0.0.1");
  const other = await pair("api", "10.0.0.1", "other");
  job("api", { tls: ecdsa({ pkcs8: true }), other: ecdsa() });
  expect(await build(bucket)).toMatchObject({ certificates_issued: 2, certificates_renewed: 0 });
  expect((await pair("api", "10.0.0.1")).crt).not.toBe(tls.crt);
  expect(await pair("api", "10.0.0.1", "other")).toEqual(other);
  job("api", { other: ecdsa() });
  expect(await build(bucket)).toMatchObject({ changed: true, certificates_issued: 0 });
  const keys = Object.keys((await readKv(bucket))["maand/job/api/worker/10.0.0.1"]!);
  expect(keys.filter((key) => key.startsWith("certs/"))).toEqual(["certs/other.crt", "certs/other.key"]);
  expect((await cat(bucket, "certs", "--jobs", "api")).map((row) => row.cert)).toEqual(["other", "other"]);
});

test("disabled allocations get certificates, removed ones lose theirs", async () => {
  job("api", { tls: ecdsa() });
  bucket.write("workspace/disabled.json", { jobs: { api: {} } });
  expect(await build(bucket)).toMatchObject({ certificates_issued: 2 });
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  await build(bucket);
  expect((await readKv(bucket))["maand/job/api/worker/db-2.example.com"]).toBeUndefined();
  // Nothing was ever deployed there, so the pair that comes back is a new one.
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "db-2.example.com" }]);
  expect(await build(bucket)).toMatchObject({ certificates_issued: 1 });
});

test("a leaf lives certs_ttl days and is made again within the buffer", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  job("api", { tls: ecdsa() });
  await build(bucket);
  const first = await pair("api", "10.0.0.1");
  const days = (Date.parse(new X509Certificate(first.crt).validTo) - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(59.9);
  expect(days).toBeLessThanOrEqual(60);
  // 59 days left of it are more than a buffer of 59, and not of 61.
  bucket.write("maand.conf", "certs_ttl = 60\ncerts_renewal_buffer = 59\n");
  expect(await build(bucket)).toMatchObject({ changed: false });
  bucket.write("maand.conf", "certs_ttl = 90\ncerts_renewal_buffer = 61\n");
  expect(await build(bucket)).toMatchObject({ certificates_issued: 1, certificates_renewed: 1 });
  expect((await pair("api", "10.0.0.1")).crt).not.toBe(first.crt);
  expect(await build(bucket)).toMatchObject({ changed: false });
  const [row] = await cat(bucket, "certs", "--jobs", "api");
  expect(row).toMatchObject({
    scope: "allocation",
    job: "api",
    worker: "10.0.0.1",
    cert: "tls",
    common_name: "api",
    status: "ok",
  });
  expect(row!.days_left).toBe(89);
});

/** Puts another CA in the place of the bucket's, with so many days left and behind it, and gives the way back. */
function exchangeAuthority(days: number, begun = 100): () => void {
  const secrets = bucket.path("secrets");
  for (const name of ["ca.crt", "ca.key"]) renameSync(join(secrets, name), join(secrets, `kept-${name}`));
  openssl(
    "genpkey",
    "-algorithm",
    "EC",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-out",
    join(secrets, "ca.key"),
  );
  const from = new Date(Date.now() - begun * 86_400_000).toISOString().replace(/[-:]|\.\d+|T/g, "");
  const to = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:]|\.\d+|T/g, "");
  const config =
    "[req]\ndistinguished_name=d\n[d]\n[v3]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
  writeFileSync(bucket.path("scratch/ca.cnf"), config);
  openssl(
    "req",
    "-new",
    "-key",
    join(secrets, "ca.key"),
    "-subj",
    "/CN=other",
    "-config",
    "ca.cnf",
    "-out",
    "ca.csr",
  );
  writeFileSync(bucket.path("scratch/index.txt"), "");
  writeFileSync(bucket.path("scratch/serial"), "01\n");
  const issuing =
    "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n";
  writeFileSync(bucket.path("scratch/issue.cnf"), issuing + config);
  openssl(
    "ca",
    "-batch",
    "-selfsign",
    "-config",
    "issue.cnf",
    "-extensions",
    "v3",
    "-in",
    "ca.csr",
    "-notext",
    "-keyfile",
    join(secrets, "ca.key"),
    "-startdate",
    `${from}`,
    "-enddate",
    `${to}`,
    "-out",
    join(secrets, "ca.crt"),
  );
  return () => {
    for (const name of ["ca.crt", "ca.key"]) renameSync(join(secrets, `kept-${name}`), join(secrets, name));
  };
}

test("a changed CA makes all leaves again; within the buffer build warns, once expired it fails", async () => {
  job("api", { tls: ecdsa() });
  await build(bucket);
  const before = await pair("api", "10.0.0.1");
  let restore = exchangeAuthority(5.5);
  try {
    const { certificates_issued, warnings } = await build(bucket);
    expect(certificates_issued).toBe(2);
    expect(warnings.map((warning) => `${warning.path}: ${warning.what}`)).toEqual([
      "secrets/ca.crt: the bucket's CA expires in 5 days; once it has, build fails",
    ]);
    const after = await pair("api", "10.0.0.1");
    expect(after.crt).not.toBe(before.crt);
    lay(after);
    openssl("verify", "-CAfile", "ca.crt", "leaf.crt");
    // They end with their CA and are not made again for that at every build.
    expect(await build(bucket)).toMatchObject({ changed: false, certificates_issued: 0 });
  } finally {
    restore();
  }
  restore = exchangeAuthority(-1);
  try {
    const failed = await bucket.maand("build");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("the bucket's CA has expired");
    expect(failed.stderr).toContain("move secrets/ca.key and secrets/ca.crt away");
    // Also when nothing is to be signed.
    clearWorkspace(bucket);
    expect((await bucket.maand("build")).code).toBe(1);
  } finally {
    restore();
  }
});

for (const missing of ["ca.crt", "ca.key"])
  test(`without secrets/${missing} build fails and names it`, async () => {
    renameSync(bucket.path("secrets", missing), bucket.path("scratch", missing));
    try {
      const failed = await bucket.maand("build");
      expect(failed.code).toBe(1);
      expect(failed.stderr).toContain(`secrets/${missing} is missing`);
    } finally {
      renameSync(bucket.path("scratch", missing), bucket.path("secrets", missing));
    }
  });

test("with another kv.key, or none, nothing is encrypted anew and nothing is lost", async () => {
  job("api", { tls: ecdsa() });
  await build(bucket);
  const before = await pair("api", "10.0.0.1");
  copyFileSync(bucket.path("secrets/kv.key"), bucket.path("scratch/kv.key"));
  job("api", { tls: ecdsa(), more: ecdsa() });
  try {
    writeFileSync(bucket.path("secrets/kv.key"), new Uint8Array(32).fill(7));
    const wrong = await bucket.maand("build");
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("the key is not the one it was encrypted with");
    bucket.remove("secrets/kv.key");
    const none = await bucket.maand("build");
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("the key of the encrypted KV is missing");
  } finally {
    copyFileSync(bucket.path("scratch/kv.key"), bucket.path("secrets/kv.key"));
  }
  expect(await pair("api", "10.0.0.1")).toEqual(before);
  expect(await build(bucket)).toMatchObject({ certificates_issued: 2 });
});

test("a CA that is not valid yet fails the build and is shown as that", async () => {
  job("api", { tls: ecdsa() });
  const restore = exchangeAuthority(100, -1);
  try {
    const { code, stderr } = await bucket.maand("build");
    expect([code, stderr]).toEqual([1, expect.stringContaining("the bucket's CA is not valid yet")]);
    expect(stderr).toContain("set the clock of this host right");
    expect((await cat(bucket, "certs"))[0]).toMatchObject({ scope: "ca", status: "not_yet_valid" });
  } finally {
    restore();
  }
});

test("a leaf that a clock ahead of time has made is made again, once", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  job("api", { tls: ecdsa() });
  await build(bucket);
  const authority = (await readAuthority(bucket.path("secrets")))!;
  const request = { ...content({ workers: ["10.0.0.1"] }), ttlDays: 60 };
  const ahead = await issueLeaf(request, authority, Date.now() + 2 * 86_400_000);
  const catalog = new Database(bucket.path("data/maand.db"), { readwrite: true });
  catalog.run("UPDATE kv SET value = CAST(? AS BLOB) WHERE key = 'certs/tls.crt'", [ahead.certPem]);
  // As a catalog of an older maand has it, which did not note the begin.
  catalog.run("UPDATE certificate SET not_before = NULL");
  catalog.close();
  expect((await cat(bucket, "certs", "--jobs", "api"))[0]).toMatchObject({ status: "not_yet_valid" });
  expect(await build(bucket)).toMatchObject({ certificates_issued: 1, certificates_renewed: 1 });
  expect((await cat(bucket, "certs", "--jobs", "api"))[0]).toMatchObject({ status: "ok" });
  expect(await build(bucket)).toMatchObject({ changed: false });
});

test("certs_ttl within the buffer is an error, a buffer of more than half of it a warning", async () => {
  job("api", { tls: ecdsa() });
  await build(bucket);
  for (const [ttl, line] of [
    [9, 2],
    [10, 2],
  ] as const) {
    bucket.write("maand.conf", `certs_ttl = ${ttl}\ncerts_renewal_buffer = 10\n`);
    const { code, stderr } = await bucket.maand("build");
    expect([code, stderr]).toEqual([2, expect.stringContaining(`maand.conf:${line}:`)]);
    expect(stderr).toContain(`certs_ttl (${ttl} days) must be more than certs_renewal_buffer (10 days)`);
  }
  bucket.write("maand.conf", "certs_ttl = 12\ncerts_renewal_buffer = 10\n");
  const { warnings } = await build(bucket);
  expect(warnings.map(({ what }) => what)).toEqual([
    "certs_renewal_buffer (10 days) is more than half of certs_ttl (12 days): every certificate is made again after 2 days, and its job rolled out for it",
  ]);
  bucket.write("maand.conf", "certs_ttl = 20\ncerts_renewal_buffer = 10\n");
  expect((await build(bucket)).warnings).toEqual([]);
});
