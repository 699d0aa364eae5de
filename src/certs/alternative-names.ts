// The subject alternative names of a leaf: what a client may dial to reach its holder.

import { hostKind } from "../model/names.ts";

export interface AlternativeName {
  type: "ip" | "dns";
  /** Canonical: lower case, IPv6 in its shortest form. */
  value: string;
}

const dnsLabel = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/**
 * Whether the text may stand in a manifest's `dns` list: a DNS name (a first label `*` and underscores are fine,
 * as clients take them) or an IP address, which becomes an IP name.
 */
export function isAlternativeName(text: string): boolean {
  if (hostKind(text) !== undefined) return true;
  const labels = text.split(".");
  const named = labels[0] === "*" ? labels.slice(1) : labels;
  if (named.length === 0 || text.length > 253) return false;
  return named.every((label) => dnsLabel.test(label)) && !/^\d+$/.test(named.at(-1)!);
}

/**
 * 127.0.0.1, the workers' addresses, `localhost` and the extra names, each once. The order depends on
 * neither the order of the workers nor that of the extra names.
 */
export function alternativeNames(workers: readonly string[], dns: readonly string[]): AlternativeName[] {
  const all = ["127.0.0.1", ...canonical(workers), "localhost", ...canonical(dns)].map(alternativeName);
  const seen = new Set<string>();
  return all.filter(({ type, value }) => {
    const key = `${type}:${value}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function canonical(names: readonly string[]): string[] {
  return names.map((name) => alternativeName(name).value).sort();
}

function alternativeName(text: string): AlternativeName {
  const kind = hostKind(text);
  if (kind === "ipv4") return { type: "ip", value: text.split(".").map(Number).join(".") };
  // The URL parser gives the one canonical spelling of an IPv6 address, between brackets.
  if (kind === "ipv6") return { type: "ip", value: new URL(`http://[${text}]/`).hostname.slice(1, -1) };
  return { type: "dns", value: text.toLowerCase() };
}
