// The one door to the certificate library: loads it when the first certificate is made, never before.

import { createPrivateKey, randomBytes } from "node:crypto";
import type { Name } from "@peculiar/x509";
import { MaandError } from "../model/error.ts";
import type { SubjectPart } from "./subject.ts";

export type X509 = typeof import("@peculiar/x509");

/** Curves whose ECDSA signatures clients commonly take, and the hash of the same strength. */
const curves: Readonly<Record<string, { namedCurve: string; hash: string }>> = {
  prime256v1: { namedCurve: "P-256", hash: "SHA-256" },
  secp384r1: { namedCurve: "P-384", hash: "SHA-384" },
  secp521r1: { namedCurve: "P-521", hash: "SHA-512" },
};

/** The library. It costs about 11 ms to load, so unchanged builds must not get here. */
export async function loadX509(): Promise<X509> {
  // Must be complete before the library runs; a static import of it is put in the wrong order by the bundler.
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}

/** A key that can sign, with the algorithm it signs with. */
export interface SigningKey {
  key: CryptoKey;
  algorithm: { name: string; hash: string };
}

/**
 * A signing key from a PEM private key: RSA signs with PKCS #1 v1.5 and SHA-256, EC with ECDSA.
 * Throws a MaandError ("local") for kinds of keys that clients do not commonly take.
 */
export async function signingKey(keyPem: string): Promise<SigningKey> {
  const key = createPrivateKey(keyPem);
  const curve = key.asymmetricKeyDetails?.namedCurve ?? "";
  const kind = key.asymmetricKeyType;
  if (kind !== "rsa" && !(kind === "ec" && Object.hasOwn(curves, curve)))
    throw new MaandError("local", "the CA key is of a kind that maand cannot sign with", {
      where: { file: "secrets/ca.key" },
      why: `it is ${[kind, curve].filter((part) => part).join(" ")}`,
      hint: "use an RSA key or an EC key on P-256, P-384 or P-521",
    });
  const { name, hash, namedCurve } =
    kind === "rsa"
      ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", namedCurve: undefined }
      : { name: "ECDSA", ...curves[curve]! };
  const der = new Uint8Array(key.export({ type: "pkcs8", format: "der" }));
  const parameters = namedCurve === undefined ? { name, hash } : { name, namedCurve };
  const imported = await crypto.subtle.importKey("pkcs8", der, parameters, false, ["sign"]);
  return { key: imported, algorithm: { name, hash } };
}

/** A distinguished name; every value is given its type here, so that nothing in it is taken for syntax. */
export function distinguishedName(x509: X509, parts: readonly SubjectPart[]): Name {
  const fields = { utf8: "utf8String", printable: "printableString", ia5: "ia5String" } as const;
  return new x509.Name(parts.map(({ oid, text, value }) => ({ [oid]: [{ [fields[text]]: value }] })));
}

/** 16 random bytes as hex: positive and never zero, as RFC 5280 (4.1.2.2) demands. */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}
