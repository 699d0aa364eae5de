// What names may look like: everything here is safe as one path segment.

/** Patterns of every kind of name, with the words that a message uses to describe them. */
export const namePatterns = {
  job: { pattern: /^[a-z0-9][a-z0-9_-]{0,62}$/, rule: "lower-case letters, digits, _ and -, at most 63" },
  label: { pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, rule: "letters, digits, . _ and -, at most 63" },
  hook: { pattern: /^hook_[a-z0-9_]{1,58}$/, rule: "hook_ and then lower-case letters, digits and _" },
  cert: {
    pattern: /^(?!.*\.\.)[a-z0-9][a-z0-9_.-]{0,62}$/,
    rule: "lower-case letters, digits, _ . and -, at most 63, without ..",
  },
  port: { pattern: /^[a-z][a-z0-9_]*$/, rule: "a lower-case letter and then letters, digits and _" },
} as const;

export type NameKind = keyof typeof namePatterns;

/** Whether `text` is a well-formed name of that kind. Selectors and tag keys are labels. */
export function isName(kind: NameKind, text: string): boolean {
  return namePatterns[kind].pattern.test(text);
}

/** KV keys and variable names: printable text without control characters, 1 to 253 UTF-16 units. */
export function isKeyName(text: string): boolean {
  return text.length > 0 && text.length <= 253 && !/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(text);
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
const dnsLabel = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Which kind of address a worker's `host` is; undefined when it is none. */
export function hostKind(host: string): "ipv4" | "ipv6" | "dns" | undefined {
  if (ipv4.test(host) && !host.endsWith(".")) return "ipv4";
  if (host.includes(":")) return isIpv6(host) ? "ipv6" : undefined;
  const labels = host.split(".");
  const dns = host.length <= 253 && labels.every((l) => dnsLabel.test(l)) && !/^\d+$/.test(labels.at(-1)!);
  return dns ? "dns" : undefined;
}

function isIpv6(host: string): boolean {
  if (!/^[0-9A-Fa-f:.]+$/.test(host)) return false;
  try {
    return new URL(`http://[${host}]/`).hostname.length > 2;
  } catch {
    return false;
  }
}

/** The form in which labels and selectors are compared: trimmed, lower case. */
export function canonicalLabel(text: string): string {
  return text.trim().toLowerCase();
}
