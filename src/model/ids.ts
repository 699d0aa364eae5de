// Identities that follow from names.

import { createHash } from "node:crypto";

/** MD5 of the text, shaped as a UUID: version nibble 3, RFC 4122 variant bits. */
function nameUuid(text: string): string {
  const bytes = createHash("md5").update(text, "utf8").digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x30;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function jobId(job: string): string {
  return nameUuid(job);
}

export function allocationIdOf(job: string, workerIp: string): string {
  return nameUuid(`${job}|${workerIp}`);
}

export function labelId(label: string): string {
  return nameUuid(label);
}
