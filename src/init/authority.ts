// The CA of a bucket at init: made when there is none, finished when an earlier init was killed half-way, else kept.

import { createPrivateKey } from "node:crypto";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { readRegular } from "../bucket/regular-file.ts";
import { createAuthority, readAuthority, writeAuthority } from "../certs/authority.ts";
import { describeCertificate, parseCertificate } from "../certs/describe.ts";
import type { InitStep } from "./place.ts";

export interface PlacedAuthority {
  commonName: string;
  isNew: boolean;
}

/**
 * Makes the CA of a bucket that has none.
 * @throws MaandError("local") when one of its two files is missing, damaged, or cannot be written.
 */
export async function placeAuthority(
  secrets: string,
  bucketId: string,
  now: number,
  steps: InitStep[],
): Promise<PlacedAuthority> {
  finishInterruptedAuthority(secrets);
  const found = await readAuthority(secrets);
  if (found === undefined) await writeAuthority(secrets, await createAuthority(bucketId, now));
  const done = found === undefined ? "made" : "kept";
  steps.push({ path: "secrets/ca.key", done }, { path: "secrets/ca.crt", done });
  const commonName = found === undefined ? bucketId : (describeCertificate(found.certPem)?.commonName ?? "");
  return { commonName, isNew: found === undefined };
}

/**
 * A kill between the two renames of `writeSecretFiles` leaves `ca.key` in place and the certificate under its
 * temporary name: that pair is finished here. A lone `ca.key` of any other origin stays an error.
 */
function finishInterruptedAuthority(secrets: string): void {
  const [key, certificate, waiting] = ["ca.key", "ca.crt", ".ca.crt.new"].map((name) => join(secrets, name));
  if (existsSync(certificate!) || !existsSync(key!) || !existsSync(waiting!)) return;
  const parsed = parseCertificate(readRegular(waiting!).toString("utf8"));
  if (parsed !== undefined && isPair(parsed, readRegular(key!).toString("utf8")))
    renameSync(waiting!, certificate!);
}

function isPair(certificate: NonNullable<ReturnType<typeof parseCertificate>>, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

/** What the operator should know about the CA. */
export function authorityNotes(authority: PlacedAuthority, bucketId: string, isNewBucket: boolean): string[] {
  if (authority.isNew && !isNewBucket)
    return [
      "the CA is new: the next build makes every certificate anew, and deploy brings them to the workers",
    ];
  if (!authority.isNew && authority.commonName !== bucketId)
    return [
      `secrets/ca.crt was made for bucket ${authority.commonName}; if data/ was lost, restore it from a backup before the next deploy`,
    ];
  return [];
}
