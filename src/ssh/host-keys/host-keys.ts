// Whether a host key is acceptable under host_key_checking, and the errors when it is not.

import { readRegular } from "../../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../../model/error.ts";
import { assertNever } from "../../model/result.ts";
import type { Endpoint, SshSettings } from "../connect/settings.ts";
import {
  entriesFor,
  type HostKeyVerdict,
  judgeHostKey,
  type KnownHostEntry,
  keyFingerprint,
  keyTypeOf,
  knownHostLine,
  parseKnownHosts,
} from "./known-hosts.ts";

/** The name and port under which an endpoint's key is on record. */
export function recordName(endpoint: Endpoint): { host: string; port: number } {
  // As in OpenSSH, an alias is looked up without a port.
  if (endpoint.hostKeyAlias !== undefined) return { host: endpoint.hostKeyAlias, port: 22 };
  return { host: endpoint.host, port: endpoint.port };
}

/** All entries that count for this endpoint: maand's own pins first, then the files of the OpenSSH config. */
export async function readKnownHosts(endpoint: Endpoint, settings: SshSettings): Promise<KnownHostEntry[]> {
  const files = [settings.knownHostsPath, ...endpoint.knownHostsPaths];
  const lists = await Promise.all(files.map(readEntries));
  const { host, port } = recordName(endpoint);
  return entriesFor(lists.flat(), host, port);
}

async function readEntries(file: string): Promise<KnownHostEntry[]> {
  try {
    return parseKnownHosts(readRegular(file).toString("utf8"), file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new MaandError("local", "the known host keys cannot be read", {
      where: { file },
      why: reasonOf(cause),
      hint: "make the file readable for the user who runs maand",
      cause,
    });
  }
}

/** Host key algorithms in the order to ask for: those of the keys on record first, then the usual order. */
export function preferredAlgorithms<T extends string>(
  entries: readonly KnownHostEntry[],
  all: readonly T[],
): T[] {
  const recorded = new Set<string>();
  for (const entry of entries) {
    if (entry.marker !== "none") continue;
    if (entry.keyType === "ssh-rsa") for (const name of ["rsa-sha2-512", "rsa-sha2-256"]) recorded.add(name);
    else recorded.add(entry.keyType);
  }
  return [...all.filter((a) => recorded.has(a)), ...all.filter((a) => !recorded.has(a))];
}

/** What to do with a host key: go on, go on and pin it, ask for a certificate, or refuse. */
export type HostKeyDecision =
  | { action: "accept" }
  | { action: "pin" }
  | { action: "ask-certificate"; authorities: KnownHostEntry[] }
  | { action: "refuse"; error: MaandError };

/** Decides over a plain host key; pure. `worker` is the name for messages. */
export function decideHostKey(
  entries: readonly KnownHostEntry[],
  endpoint: Endpoint,
  key: Buffer,
  settings: SshSettings,
  worker: string,
): HostKeyDecision {
  if (settings.hostKeyChecking === "off") return { action: "accept" };
  const { host, port } = recordName(endpoint);
  const judged = judgeHostKey(entries, host, port, key);
  switch (judged.verdict) {
    case "known":
      return { action: "accept" };
    case "revoked":
      return { action: "refuse", error: revokedKey(judged.entry, key, worker) };
    case "changed":
      return { action: "refuse", error: changedKey(judged, key, worker) };
    case "unknown":
      if (judged.authorities.length > 0) {
        return { action: "ask-certificate", authorities: judged.authorities };
      }
      if (settings.hostKeyChecking === "accept-new") return { action: "pin" };
      return { action: "refuse", error: unknownKey(endpoint, key, settings, worker) };
    default:
      return assertNever(judged, "verdict on a host key");
  }
}

function revokedKey(entry: KnownHostEntry, key: Buffer, worker: string): MaandError {
  return new MaandError("unreachable", "the worker showed a revoked host key", {
    where: { file: entry.file, line: entry.line, worker },
    why: `${keyTypeOf(key)} ${keyFingerprint(key)} is marked @revoked there`,
    hint: "give the worker a new host key, or find out who answers at its address",
  });
}

/** The error for a host that shows another key than the ones on record. */
export function changedKey(
  judged: Pick<Extract<HostKeyVerdict, { verdict: "changed" }>, "entries">,
  key: Buffer,
  worker: string,
): MaandError {
  const places = judged.entries.map((e) => `line ${e.line} of ${e.file}`).join(" and ");
  const expected = judged.entries.map((e) => `${e.keyType} ${keyFingerprint(e.key)}`).join(" or ");
  const first = judged.entries[0]!;
  return new MaandError("unreachable", "the host key of the worker has changed", {
    where: { file: first.file, line: first.line, worker },
    why: `on record is ${expected}, the worker showed ${keyTypeOf(key)} ${keyFingerprint(key)}`,
    hint: `if the worker was set up anew, remove ${places} and run again; if not, someone else answers at its address`,
  });
}

function unknownKey(endpoint: Endpoint, key: Buffer, settings: SshSettings, worker: string): MaandError {
  const { host, port } = recordName(endpoint);
  return new MaandError("unreachable", "the host key of the worker is not known", {
    where: { worker },
    why: `${keyTypeOf(key)} ${keyFingerprint(key)} is not on record and host_key_checking is "strict"`,
    hint: `compare the fingerprint on the worker (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then add this line to ${settings.knownHostsPath}: ${knownHostLine(host, port, key)}`,
  });
}
