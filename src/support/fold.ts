// Folding: results that say the same are told once, with the workers they came from.

/**
 * Groups of results with the same key, each in the order given; the largest group first, else in order of appearance.
 */
export function foldResults<T>(results: readonly T[], keyOf: (result: T) => string): T[][] {
  return [...Map.groupBy(results, keyOf).values()].sort((a, b) => b.length - a.length);
}
