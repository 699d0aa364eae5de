// Orders that must be the same on every host, whatever its locale.

/** Code-unit order of two texts. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Keys of a record or map in code-unit order. */
export function sortedKeys(keys: Iterable<string>): string[] {
  return [...keys].sort(compareText);
}
