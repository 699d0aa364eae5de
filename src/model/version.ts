// Job versions: semver-like text, normalised to three numbers and compared as semver compares.

export interface Version {
  numbers: [number, number, number];
  /** Dot-separated identifiers after the first `-`; empty when there is none. */
  prerelease: string[];
}

const pattern = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** What an allocation has before its first promotion. */
export const noVersion = "0.0.0";

/** Parses `1`, `1.2`, `v1.2.3`, `1.2.3-rc.1`; undefined for anything else, `unknown` included. */
export function parseVersion(text: string): Version | undefined {
  const match = pattern.exec(text.trim());
  if (match === null) return undefined;
  const [, major, minor, patch, prerelease] = match;
  return {
    numbers: [Number(major), Number(minor ?? 0), Number(patch ?? 0)],
    prerelease: prerelease === undefined ? [] : prerelease.split("."),
  };
}

/** `1.2.3` or `1.2.3-rc.1`: the form in KV, environment and templates. */
export function formatVersion(version: Version): string {
  const numbers = version.numbers.join(".");
  return version.prerelease.length === 0 ? numbers : `${numbers}-${version.prerelease.join(".")}`;
}

/** Negative when `a` is older. A prerelease is older than its release (semver 2.0.0, section 11). */
export function compareVersions(a: Version, b: Version): number {
  for (let i = 0; i < 3; i++) {
    const difference = a.numbers[i]! - b.numbers[i]!;
    if (difference !== 0) return difference;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return b.prerelease.length - a.prerelease.length;
  for (let i = 0; i < Math.min(a.prerelease.length, b.prerelease.length); i++) {
    const difference = compareIdentifiers(a.prerelease[i]!, b.prerelease[i]!);
    if (difference !== 0) return difference;
  }
  return a.prerelease.length - b.prerelease.length;
}

function compareIdentifiers(a: string, b: string): number {
  const aNumeric = /^\d+$/.test(a);
  const bNumeric = /^\d+$/.test(b);
  if (aNumeric && bNumeric) return Number(a) - Number(b);
  if (aNumeric !== bNumeric) return aNumeric ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}
