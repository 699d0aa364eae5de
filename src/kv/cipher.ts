// Encryption of secrets at rest: AES-256-GCM under `secrets/kv.key`, bound to what the text belongs to.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readRegular } from "../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../model/error.ts";

const keyBytes = 32;
/** 96 bits, the nonce length that GCM is specified for (NIST SP 800-38D, 8.2). */
const nonceBytes = 12;
const tagBytes = 16;

/** `place` names what a text belongs to: it is decrypted only at the place that it was encrypted for. */
export interface Cipher {
  encrypt(place: readonly string[], content: Uint8Array): Uint8Array;
  /** @throws MaandError("catalog") when the key is not the one it was encrypted with, or the text was moved or damaged. */
  decrypt(place: readonly string[], encrypted: Uint8Array): Buffer;
}

/** A new random key, as `init` writes it. */
export function createKey(): Uint8Array {
  return randomBytes(keyBytes);
}

/**
 * A cipher whose key is read at first use, so that a command without secrets runs without it.
 * @throws at use: MaandError("catalog") when the key file is missing or has the wrong length.
 */
export function cipherFromFile(path: string): Cipher {
  let key: Buffer | undefined;
  const loadKey = (): Buffer => {
    key ??= readKey(path);
    return key;
  };
  return {
    encrypt(place, content) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", loadKey(), nonce).setAAD(associatedData(place));
      const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), encrypted]);
    },
    decrypt(place, encrypted) {
      const loaded = loadKey();
      try {
        const decipher = createDecipheriv("aes-256-gcm", loaded, encrypted.subarray(0, nonceBytes));
        decipher
          .setAAD(associatedData(place))
          .setAuthTag(encrypted.subarray(nonceBytes, nonceBytes + tagBytes));
        return Buffer.concat([decipher.update(encrypted.subarray(nonceBytes + tagBytes)), decipher.final()]);
      } catch (error) {
        throw new MaandError("catalog", `cannot decrypt ${place.join(" ")}`, {
          where: { file: path },
          why: "the key is not the one it was encrypted with, or the stored value is damaged",
          hint: "restore secrets/kv.key from the backup that belongs to this data/maand.db",
          cause: error,
        });
      }
    },
  };
}

/** Length-prefixed parts: no two different places give the same bytes. */
function associatedData(place: readonly string[]): Buffer {
  return Buffer.from(place.map((part) => `${Buffer.byteLength(part)}:${part}`).join(""), "utf8");
}

function readKey(path: string): Buffer {
  if (!existsSync(path)) {
    throw new MaandError("catalog", "the key of the encrypted KV is missing", {
      where: { file: path },
      hint: "restore it from a backup; without it stored secrets cannot be read",
    });
  }
  let key: Buffer;
  try {
    key = readRegular(path);
  } catch (error) {
    throw new MaandError("catalog", "cannot read the key of the encrypted KV", {
      where: { file: path },
      why: reasonOf(error),
      hint: "check its owner and mode (0600)",
      cause: error,
    });
  }
  if (key.length !== keyBytes) {
    throw new MaandError("catalog", `the key of the encrypted KV has ${key.length} bytes, not ${keyBytes}`, {
      where: { file: path },
      hint: "restore it from a backup; without it stored secrets cannot be read",
    });
  }
  return key;
}
