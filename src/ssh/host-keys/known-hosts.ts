// The known_hosts format (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") and the judgement of a host key. Pure.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** One usable line of a known_hosts file. */
export interface KnownHostEntry {
  file: string;
  /** Counts from 1. */
  line: number;
  marker: "none" | "cert-authority" | "revoked";
  hosts: HostPatterns;
  keyType: string;
  /** The key in SSH wire format. */
  key: Buffer;
}

type HostPatterns =
  | { kind: "plain"; patterns: { text: string; negated: boolean }[] }
  | { kind: "hashed"; salt: Buffer; hash: Buffer };

/** The judgement of a plain (not certified) host key. */
export type HostKeyVerdict =
  | { verdict: "known"; entry: KnownHostEntry }
  /** Other keys are on record for this host and none of them is this one. */
  | { verdict: "changed"; entries: KnownHostEntry[] }
  | { verdict: "revoked"; entry: KnownHostEntry }
  /** Nothing is on record but, maybe, authorities that may certify this host. */
  | { verdict: "unknown"; authorities: KnownHostEntry[] };

/** Every line that can be used; comments and lines that OpenSSH would skip too are left out. Never throws. */
export function parseKnownHosts(text: string, file: string): KnownHostEntry[] {
  const entries: KnownHostEntry[] = [];
  let line = 0;
  for (const row of text.split("\n")) {
    line++;
    const entry = parseLine(row.trim(), file, line);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** The name under which a host is looked up and recorded: `host`, or `[host]:port` when the port is not 22. */
function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** The plain or hashed line for one host and key, without the newline. */
export function knownHostLine(host: string, port: number, key: Buffer): string {
  return `${knownHostName(host, port)} ${keyTypeOf(key) ?? "unknown"} ${key.toString("base64")}`;
}

/**
 * Judges the key that `host:port` has shown. A revoked key is refused whatever else is on record. When only keys of
 * another type are on record the verdict is "changed": whoever lacks the recorded key could offer a new type.
 */
export function judgeHostKey(
  entries: readonly KnownHostEntry[],
  host: string,
  port: number,
  key: Buffer,
): HostKeyVerdict {
  const matching = entriesFor(entries, host, port);
  const revoked = matching.find((e) => e.marker === "revoked" && sameKey(e.key, key));
  if (revoked !== undefined) return { verdict: "revoked", entry: revoked };
  const plain = matching.filter((e) => e.marker === "none");
  const known = plain.find((e) => sameKey(e.key, key));
  if (known !== undefined) return { verdict: "known", entry: known };
  if (plain.length > 0) return { verdict: "changed", entries: plain };
  return { verdict: "unknown", authorities: matching.filter((e) => e.marker === "cert-authority") };
}

/** The entries whose patterns name this host, markers included. */
export function entriesFor(entries: readonly KnownHostEntry[], host: string, port: number): KnownHostEntry[] {
  const name = knownHostName(host, port);
  return entries.filter((entry) => namesHost(entry.hosts, name));
}

/** `SHA256:` and the base64 digest without padding, as `ssh-keygen -l` prints it. */
export function keyFingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The algorithm name at the head of a key in wire format; undefined when there is none. */
export function keyTypeOf(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  if (length === 0 || length > 64 || key.length < 4 + length) return undefined;
  const type = key.toString("latin1", 4, 4 + length);
  return /^[\x21-\x7e]+$/.test(type) ? type : undefined;
}

function parseLine(row: string, file: string, line: number): KnownHostEntry | undefined {
  if (row === "" || row.startsWith("#")) return undefined;
  const fields = row.split(/[ \t]+/);
  let marker: KnownHostEntry["marker"] = "none";
  if (fields[0]!.startsWith("@")) {
    const word = fields.shift()!;
    if (word === "@cert-authority") marker = "cert-authority";
    else if (word === "@revoked") marker = "revoked";
    else return undefined;
  }
  const [names, keyType, encoded] = fields;
  if (names === undefined || keyType === undefined || encoded === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const key = Buffer.from(encoded, "base64");
  if (keyTypeOf(key) !== keyType) return undefined;
  const hosts = parseHosts(names);
  return hosts === undefined ? undefined : { file, line, marker, hosts, keyType, key };
}

function parseHosts(names: string): HostPatterns | undefined {
  if (names.startsWith("|")) {
    const match = /^\|1\|([A-Za-z0-9+/]+={0,2})\|([A-Za-z0-9+/]+={0,2})$/.exec(names);
    if (match === null) return undefined;
    const hash = Buffer.from(match[2]!, "base64");
    // HMAC-SHA1 gives 20 bytes.
    return hash.length === 20 ? { kind: "hashed", salt: Buffer.from(match[1]!, "base64"), hash } : undefined;
  }
  const patterns = names
    .split(",")
    .filter((p) => p !== "" && p !== "!")
    .map((p) => ({ text: p.replace(/^!/, "").toLowerCase(), negated: p.startsWith("!") }));
  return patterns.length === 0 ? undefined : { kind: "plain", patterns };
}

function namesHost(hosts: HostPatterns, name: string): boolean {
  if (hosts.kind === "hashed") {
    return timingSafeEqual(createHmac("sha1", hosts.salt).update(name).digest(), hosts.hash);
  }
  let named = false;
  for (const pattern of hosts.patterns) {
    if (!matchesWildcard(pattern.text, name)) continue;
    if (pattern.negated) return false;
    named = true;
  }
  return named;
}

/** `*` is any run, `?` one character; linear in practice: only the last `*` is ever retried. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

function sameKey(a: Buffer, b: Buffer): boolean {
  return a.equals(b);
}
