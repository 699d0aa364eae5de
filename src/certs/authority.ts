// The bucket's certificate authority: making it, keeping it under `secrets/`, and telling when it ends.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { readRegular } from "../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import { describeCertificate, parseCertificate } from "./describe.ts";
import { generateKeys } from "./keys.ts";
import { backdateMs, type Expiry, expiryOf } from "./lifetime.ts";
import { type SecretFile, writeSecretFiles } from "./secret-files.ts";
import { distinguishedName, loadX509, serialNumber, signingKey } from "./x509.ts";

export interface Authority {
  /** PEM, byte for byte as in `secrets/ca.crt`. */
  certPem: string;
  /** PEM, byte for byte as in `secrets/ca.key`. */
  keyPem: Secret;
}

const certFile = "ca.crt";
const keyFile = "ca.key";
const restore = `restore secrets/${certFile} and secrets/${keyFile} from a backup`;

/**
 * A new CA: CN = bucket id, ten years, may sign leaves and nothing below them. `now` in ms since 1970.
 * Its key is ECDSA P-256: TLS 1.3 makes every client support it (RFC 8446, 9.1), it is made and signs at once,
 * and unlike RSA-2048 it is strong enough for ten years (NIST SP 800-57).
 */
export async function createAuthority(bucketId: string, now: number): Promise<Authority> {
  const x509 = await loadX509();
  const keys = await generateKeys("ecdsa-p256", true);
  const publicKey = new x509.PublicKey(keys.publicKey);
  const { key, algorithm } = await signingKey(keys.privateKey.reveal());
  const name = distinguishedName(x509, [{ oid: "2.5.4.3", text: "utf8", value: bucketId }]);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + 10);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: name,
    issuer: name,
    notBefore: new Date(now - backdateMs),
    notAfter,
    publicKey,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { certPem: `${certificate.toString("pem")}\n`, keyPem: keys.privateKey };
}

/**
 * Reads `ca.crt` and `ca.key` of the bucket's `secrets/` directory; undefined when both are missing.
 * Throws a MaandError ("local") when one is missing, unreadable or damaged, when the certificate is no CA,
 * or when the two do not belong together.
 */
export async function readAuthority(secretsDir: string): Promise<Authority | undefined> {
  const certPem = await readText(secretsDir, certFile);
  const keyPem = await readText(secretsDir, keyFile);
  if (certPem === undefined && keyPem === undefined) return undefined;
  if (certPem === undefined) throw lonely(certFile, keyFile);
  if (keyPem === undefined) throw lonely(keyFile, certFile);
  const certificate = parseCertificate(certPem);
  if (certificate === undefined)
    throw broken(certFile, "the CA certificate cannot be read", "it is not a PEM certificate");
  if (!certificate.ca)
    throw broken(certFile, "the certificate is not a CA", "its basic constraints do not say CA:TRUE");
  const key = parseKey(keyPem);
  if (!certificate.checkPrivateKey(key))
    throw broken(keyFile, "the CA key does not belong to the CA certificate", "their public keys differ");
  return { certPem, keyPem: new Secret(keyPem) };
}

/**
 * Writes a new CA, key first, both files 0600 and each either whole or not there.
 * Throws a MaandError ("local") when one of the files exists: a CA is never overwritten.
 */
export async function writeAuthority(secretsDir: string, authority: Authority): Promise<void> {
  for (const name of [keyFile, certFile]) {
    if ((await readText(secretsDir, name)) === undefined) continue;
    throw new MaandError("local", "the bucket already has a CA", {
      where: { file: `secrets/${name}` },
      why: "a CA is never overwritten, because all certificates hang on it",
      hint: `to start over with a new one, move secrets/${keyFile} and secrets/${certFile} away first`,
    });
  }
  const files: SecretFile[] = [
    { name: keyFile, text: authority.keyPem.reveal() },
    { name: certFile, text: authority.certPem },
  ];
  await writeSecretFiles(secretsDir, files);
}

export interface AuthorityStatus extends Expiry {
  /** Milliseconds since 1970. */
  notBefore: number;
  notAfter: number;
}

/** Whether the CA is ok, within `bufferDays` of its end (`build` warns), or outside of its life (`build` fails). */
export function authorityStatus(certPem: string, now: number, bufferDays: number): AuthorityStatus {
  const { notBefore, notAfter } = requireFacts(certPem);
  return { ...expiryOf({ notBefore, notAfter }, now, bufferDays), notBefore, notAfter };
}

/** Throws a MaandError ("local") when the CA has ended at `now` (ms) or not begun: nothing that it signs would be taken. */
export function requireLiveAuthority(certPem: string, now: number): void {
  const { status, notBefore, notAfter } = authorityStatus(certPem, now, 0);
  if (status === "not_yet_valid") {
    throw new MaandError("local", "the bucket's CA is not valid yet", {
      where: { file: `secrets/${certFile}` },
      why: `it begins ${new Date(notBefore).toISOString()}, and this host's clock says ${new Date(now).toISOString()}`,
      hint: "set the clock of this host right; if the CA is what is wrong, put one with an earlier begin there or wait",
    });
  }
  if (status !== "expired") return;
  throw new MaandError("local", "the bucket's CA has expired", {
    where: { file: `secrets/${certFile}` },
    why: `it ended ${new Date(notAfter).toISOString()}`,
    hint: `move secrets/${keyFile} and secrets/${certFile} away, then run maand init, build and deploy: every job gets new certificates`,
  });
}

function requireFacts(certPem: string) {
  const facts = describeCertificate(certPem);
  if (facts === undefined)
    throw broken(certFile, "the CA certificate cannot be read", "it is not a PEM certificate");
  return facts;
}

function parseKey(keyPem: string): KeyObject {
  try {
    return createPrivateKey(keyPem);
  } catch {
    // The parser's own words are left out: they could quote from the key.
    const why = /ENCRYPTED/.test(keyPem)
      ? "it has a passphrase"
      : "it is not a PEM private key of a kind that maand can use";
    const hint = /ENCRYPTED/.test(keyPem) ? `store secrets/${keyFile} without a passphrase` : restore;
    throw new MaandError("local", "the CA key cannot be read", {
      where: { file: `secrets/${keyFile}` },
      why,
      hint,
    });
  }
}

async function readText(secretsDir: string, name: string): Promise<string | undefined> {
  try {
    return readRegular(join(secretsDir, name)).toString("utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw new MaandError("local", `cannot read secrets/${name}`, {
      where: { file: `secrets/${name}` },
      why: reasonOf(thrown),
      hint: "make it a file that you own with mode 0600",
      cause: thrown,
    });
  }
}

function lonely(missing: string, present: string): MaandError {
  return new MaandError("local", `secrets/${missing} is missing`, {
    where: { file: `secrets/${missing}` },
    why: `secrets/${present} is there, but a CA needs both files`,
    hint: `restore secrets/${missing} from a backup; or, to start over with a new CA, move secrets/${present} away and run maand init`,
  });
}

function broken(file: string, what: string, why: string): MaandError {
  return new MaandError("local", what, { where: { file: `secrets/${file}` }, why, hint: restore });
}
