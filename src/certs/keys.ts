// Makes key pairs, off the event loop and on every core.

import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { Secret } from "../model/secret.ts";

export type KeyKind = "rsa-2048" | "rsa-4096" | "ecdsa-p256";

export interface KeyPair {
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Uint8Array<ArrayBuffer>;
  /** PEM that ends with a newline. */
  privateKey: Secret;
}

/**
 * A new key pair. With `pkcs8` the private key is `PRIVATE KEY`, else the form of its own kind:
 * `RSA PRIVATE KEY` (PKCS #1) or `EC PRIVATE KEY` (SEC 1). Uses the thread pool of node:crypto, because
 * the key generation of WebCrypto stays on one core here.
 */
export async function generateKeys(kind: KeyKind, pkcs8: boolean): Promise<KeyPair> {
  const generate = promisify(generateKeyPair);
  const publicKeyEncoding = { type: "spki", format: "der" } as const;
  const pair =
    kind === "ecdsa-p256"
      ? await generate("ec", {
          namedCurve: "P-256",
          publicKeyEncoding,
          privateKeyEncoding: { type: pkcs8 ? "pkcs8" : "sec1", format: "pem" },
        })
      : await generate("rsa", {
          modulusLength: kind === "rsa-4096" ? 4096 : 2048,
          publicExponent: 65537,
          publicKeyEncoding,
          privateKeyEncoding: { type: pkcs8 ? "pkcs8" : "pkcs1", format: "pem" },
        });
  return { publicKey: new Uint8Array(pair.publicKey), privateKey: new Secret(pair.privateKey) };
}
