// Host certificates: @cert-authority lines against a real sshd with a signed host key.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { MaandError } from "../../src/model/error.ts";
import { passed } from "../../src/model/result.ts";
import { openConnection } from "../../src/ssh/connect/connection.ts";
import { sh } from "../../src/ssh/exec/quote.ts";
import {
  type HostCertificate,
  judgeCertificate,
  parseHostCertificate,
} from "../../src/ssh/host-keys/certificate.ts";
import { makeKey, publicKey, type Sshd, startSshd } from "../support/sshd.ts";
import { useTempDirs } from "../support/use.ts";

setDefaultTimeout(60_000);

const tempDir = useTempDirs();
const dir = tempDir();

beforeAll(() => {
  for (const type of ["ed25519", "rsa", "ecdsa"]) makeKey(join(dir, `ca-${type}`), { type });
  makeKey(join(dir, "other-ca"));
});

/** An sshd whose host key of that type is signed with these arguments of ssh-keygen. */
function certified(keyType: string, authority: string, options: string[]): Promise<Sshd> {
  return startSshd({
    keyType,
    prepare: (path) =>
      execFileSync("ssh-keygen", [
        "-q",
        "-s",
        join(dir, authority),
        "-I",
        "test",
        ...options,
        join(path, "host.pub"),
      ]),
    config: (path) => [`HostCertificate ${join(path, "host-cert.pub")}`],
  });
}

/** Connects with this text as known_hosts; what went wrong, or undefined. */
async function attempt(
  sshd: Sshd,
  knownHosts: string,
  mode: "strict" | "accept-new",
): Promise<MaandError | undefined> {
  const path = join(sshd.dir, "known_hosts");
  writeFileSync(path, knownHosts);
  const settings = sshd.settings({ hostKeyChecking: mode });
  const outcome = openConnection(await sshd.target(), settings).then(async (connection) => {
    expect((await connection.exec(sh`true`)).exitCode).toBe(0);
    await connection.close();
  });
  const error = await outcome.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(readFileSync(path, "utf8")).toBe(knownHosts);
  if (error !== undefined)
    expect(error).toMatchObject({ kind: "unreachable", where: { worker: "127.0.0.1" } });
  return error as MaandError | undefined;
}

const line = (name: string, hosts = "*") =>
  `@cert-authority ${hosts} ${publicKey(join(dir, `${name}.pub`))}\n`;
const valid = ["-h", "-n", "other,127.0.0.1", "-V", "-1d:+1d"];

test("a certified key is accepted for every type of host key and of authority, and not pinned", async () => {
  for (const [keyType, authority] of [
    ["ed25519", "ca-ed25519"],
    ["rsa", "ca-ecdsa"],
    ["ecdsa", "ca-rsa"],
  ] as const) {
    const sshd = await certified(keyType, authority, valid);
    try {
      for (const mode of ["strict", "accept-new"] as const) {
        expect(await attempt(sshd, line(authority), mode)).toBeUndefined();
        expect(await attempt(sshd, line(authority, `[127.0.0.*]:${sshd.port}`), mode)).toBeUndefined();
      }
    } finally {
      sshd.end();
    }
  }
});

test("any flaw of the certificate refuses the key, also with accept-new", async () => {
  const flaws: [string[], string][] = [
    [["-h", "-n", "10.9.9.9", "-V", "-1d:+1d"], "for 10.9.9.9"],
    [["-h", "-n", "127.0.0.1", "-V", "-2d:-1d"], "expired"],
    [["-h", "-n", "127.0.0.1", "-V", "+1d:+2d"], "not valid yet"],
    [["-h", "-V", "-1d:+1d"], "no host"],
  ];
  for (const [options, expected] of flaws) {
    const sshd = await certified("ed25519", "ca-ed25519", options);
    try {
      const error = await attempt(sshd, line("ca-ed25519"), "accept-new");
      expect(error?.message).toBe("the host key of the worker is not certified");
      expect(error?.why).toContain(expected);
      expect(error?.where.line).toBe(1);
    } finally {
      sshd.end();
    }
  }
});

test("another authority, a revoked one, a revoked key, and a server without certificate are refused", async () => {
  const sshd = await certified("ed25519", "ca-ed25519", valid);
  const plain = await startSshd();
  try {
    expect((await attempt(sshd, line("other-ca"), "accept-new"))?.why).toContain("another authority");
    const revokedCa = `${line("ca-ed25519")}@revoked * ${publicKey(join(dir, "ca-ed25519.pub"))}\n`;
    expect((await attempt(sshd, revokedCa, "accept-new"))?.why).toContain("another authority");
    const revokedKey = `${line("ca-ed25519")}@revoked * ${sshd.hostKey}\n`;
    expect((await attempt(sshd, revokedKey, "accept-new"))?.message).toContain("revoked");
    expect((await attempt(plain, line("ca-ed25519"), "accept-new"))?.why).toContain("no certificate");
    const pinned = `${line("ca-ed25519")}[127.0.0.1]:${plain.port} ${plain.hostKey}\n`;
    expect(await attempt(plain, pinned, "strict")).toBeUndefined();
  } finally {
    sshd.end();
    plain.end();
  }
});

test("an authority for other hosts is no authority here", async () => {
  const sshd = await certified("ed25519", "ca-ed25519", valid);
  try {
    expect((await attempt(sshd, line("ca-ed25519", "*.lan"), "strict"))?.message).toContain("not known");
  } finally {
    sshd.end();
  }
});

/** A certificate made by ssh-keygen, read. */
function sample(): HostCertificate {
  const path = join(dir, "sample");
  if (!existsSync(path)) {
    makeKey(path);
    copyFileSync(`${path}.pub`, join(dir, "copy.pub"));
    execFileSync("ssh-keygen", ["-q", "-s", join(dir, "ca-ed25519"), "-I", "x", ...valid, `${path}.pub`]);
  }
  return parseHostCertificate(sampleBlob())!;
}

function sampleBlob(): Buffer {
  return Buffer.from(publicKey(join(dir, "sample-cert.pub")).split(" ")[1]!, "base64");
}

test("a certificate is read as ssh-keygen wrote it, and every changed byte makes it worthless", () => {
  const certificate = sample();
  const now = BigInt(Math.floor(Date.now() / 1000));
  const judge = (c: HostCertificate) => judgeCertificate(c, "127.0.0.1", certificate.key, () => true, now);
  expect(certificate.principals).toEqual(["other", "127.0.0.1"]);
  expect(judge(certificate)).toEqual(passed);
  const blob = sampleBlob();
  for (let at = 0; at < blob.length; at++) {
    const changed = Buffer.from(blob);
    changed[at]! ^= 1;
    const read = parseHostCertificate(changed);
    if (read !== undefined) expect(judge(read).pass).toBe(false);
  }
});

test("no bytes crash the reader or the check", () => {
  sample();
  const blob = sampleBlob();
  let read = 0;
  fc.assert(
    fc.property(fc.nat(blob.length), fc.uint8Array({ maxLength: 40 }), (at, bytes) => {
      const certificate = parseHostCertificate(
        Buffer.concat([blob.subarray(0, at), bytes, blob.subarray(at + bytes.length)]),
      );
      if (certificate === undefined) return;
      read++;
      judgeCertificate(certificate, "127.0.0.1", certificate.key, () => true, 0n);
    }),
    { numRuns: 20_000 },
  );
  expect(read).toBeGreaterThan(0);
});

test("objections without a server: a user's certificate, conditions", () => {
  const certificate = sample();
  const check = (change: Partial<HostCertificate>) => {
    const changed = { ...certificate, ...change };
    const verdict = judgeCertificate(
      changed,
      "127.0.0.1",
      certificate.key,
      () => true,
      certificate.validAfter,
    );
    return verdict.pass ? "passed" : verdict.reason;
  };
  expect(check({})).toBe("passed");
  expect(check({ isHost: false })).toContain("users");
  expect(check({ criticalOptions: 12 })).toContain("conditions");
  expect(check({ validBefore: certificate.validAfter })).toContain("expired");
});
