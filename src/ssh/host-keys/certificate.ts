// OpenSSH host certificates (PROTOCOL.certkeys): reading them and checking what they vouch for. Pure.

import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { failed, passed, type Verdict } from "../../model/result.ts";
import { matchesWildcard } from "./known-hosts.ts";
import { readWire, type WireReader, wireString } from "./wire.ts";

/** What a certificate says; times are seconds since 1970. */
export interface HostCertificate {
  /** The key that it vouches for, as a plain key in wire format. */
  key: Buffer;
  isHost: boolean;
  principals: string[];
  validAfter: bigint;
  validBefore: bigint;
  criticalOptions: number;
  /** The authority's key in wire format. */
  authority: Buffer;
  signature: Buffer;
  /** The bytes that are signed. */
  signed: Buffer;
}

const suffix = "-cert-v01@openssh.com";

/** Reads a certificate in wire format; undefined for anything else. */
export function parseHostCertificate(blob: Buffer): HostCertificate | undefined {
  try {
    const reader = readWire(blob);
    const type = reader.string().toString("latin1");
    if (!type.endsWith(suffix)) return undefined;
    const plainType = type.slice(0, -suffix.length);
    reader.string(); // nonce
    const fields = keyFields(plainType, reader);
    if (fields === undefined) return undefined;
    reader.uint64(); // serial
    const isHost = reader.uint32() === 2;
    reader.string(); // key id
    const principals = strings(reader.string()).map((p) => p.toString("utf8"));
    const validAfter = reader.uint64();
    const validBefore = reader.uint64();
    const criticalOptions = reader.string().length;
    reader.string(); // extensions
    reader.string(); // reserved
    const authority = reader.string();
    const signed = blob.subarray(0, reader.at());
    const signature = reader.string();
    const key = Buffer.concat([wireString(plainType), ...fields.map(wireString)]);
    return {
      key,
      isHost,
      principals,
      validAfter,
      validBefore,
      criticalOptions,
      authority,
      signature,
      signed,
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Whether this certificate vouches for `key` on `host` at `now` (seconds since 1970). `isAuthority` tells which signing
 * keys are trusted for the host.
 */
export function judgeCertificate(
  certificate: HostCertificate,
  host: string,
  key: Buffer,
  isAuthority: (key: Buffer) => boolean,
  now: bigint,
): Verdict {
  if (!certificate.isHost) return failed("its certificate is one for users");
  if (!certificate.key.equals(key)) return failed("its certificate is for another key");
  if (!isAuthority(certificate.authority)) return failed("its certificate is signed by another authority");
  if (!hasValidSignature(certificate)) return failed("the signature of its certificate is wrong");
  if (now < certificate.validAfter) return failed("its certificate is not valid yet");
  if (now >= certificate.validBefore) return failed("its certificate has expired");
  if (certificate.criticalOptions > 0) return failed("its certificate carries conditions that are not known");
  const name = host.toLowerCase();
  // Without any principal a certificate would fit every host.
  if (!certificate.principals.some((p) => matchesWildcard(p.toLowerCase(), name))) {
    return failed(`its certificate is for ${certificate.principals.join(", ") || "no host"}`);
  }
  return passed;
}

function hasValidSignature(certificate: HostCertificate): boolean {
  try {
    const reader = readWire(certificate.signature);
    const algorithm = reader.string().toString("latin1");
    return verifySignature(certificate.authority, algorithm, reader.string(), certificate.signed);
  } catch {
    // Malformed keys and signatures: whatever the reason, nothing is vouched for.
    return false;
  }
}

/** JWK names and field widths of the curves of RFC 5656. */
const curves: Record<string, { crv: string; bytes: number; hash: string }> = {
  nistp256: { crv: "P-256", bytes: 32, hash: "sha256" },
  nistp384: { crv: "P-384", bytes: 48, hash: "sha384" },
  nistp521: { crv: "P-521", bytes: 66, hash: "sha512" },
};

function verifySignature(key: Buffer, algorithm: string, signature: Buffer, data: Buffer): boolean {
  const reader = readWire(key);
  const type = reader.string().toString("latin1");
  if (type === "ssh-ed25519" && algorithm === type) {
    const jwk = { kty: "OKP", crv: "Ed25519", x: reader.string().toString("base64url") };
    return verify(null, data, publicKey(jwk), signature);
  }
  if (type === "ssh-rsa" && (algorithm === "rsa-sha2-256" || algorithm === "rsa-sha2-512")) {
    const [e, n] = [unsigned(reader.string()), unsigned(reader.string())];
    const jwk = { kty: "RSA", e: e.toString("base64url"), n: n.toString("base64url") };
    return verify(algorithm === "rsa-sha2-256" ? "sha256" : "sha512", data, publicKey(jwk), signature);
  }
  const curve =
    type.startsWith("ecdsa-sha2-") && algorithm === type ? curves[reader.string().toString()] : undefined;
  if (curve === undefined) return false;
  const point = reader.string();
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.bytes) return false;
  const x = point.subarray(1, 1 + curve.bytes).toString("base64url");
  const y = point.subarray(1 + curve.bytes).toString("base64url");
  const parts = readWire(signature);
  const pair = Buffer.concat([padded(parts.string(), curve.bytes), padded(parts.string(), curve.bytes)]);
  const jwk = { kty: "EC", crv: curve.crv, x, y };
  return verify(curve.hash, data, { key: publicKey(jwk), dsaEncoding: "ieee-p1363" }, pair);
}

function publicKey(jwk: JsonWebKey) {
  return createPublicKey({ key: jwk, format: "jwk" });
}

/** The public fields that follow the nonce, by type of key. */
function keyFields(type: string, reader: WireReader): Buffer[] | undefined {
  if (type === "ssh-ed25519") return [reader.string()];
  if (type === "ssh-rsa" || type.startsWith("ecdsa-sha2-")) return [reader.string(), reader.string()];
  return undefined;
}

function strings(list: Buffer): Buffer[] {
  const reader = readWire(list);
  const found: Buffer[] = [];
  while (reader.at() < list.length) found.push(reader.string());
  return found;
}

/** A positive mpint without its leading zeros. */
function unsigned(number: Buffer): Buffer {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start++;
  return number.subarray(start);
}

/** A positive mpint at exactly that width. */
function padded(number: Buffer, width: number): Buffer {
  const bare = unsigned(number);
  if (bare.length > width) throw new RangeError("the number is too long");
  return Buffer.concat([Buffer.alloc(width - bare.length), bare]);
}
