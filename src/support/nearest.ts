// "Did you mean": the known name that a mistyped one was probably meant to be.

import { distance } from "fastest-levenshtein";

/** The closest of `known` to `name`, when it is close enough to be a plausible slip; else undefined. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  // A third of the letters may be wrong, two of a short name, never all of it.
  let bestDistance = Math.min(Math.max(2, Math.floor(name.length / 3)), name.length - 1) + 1;
  for (const candidate of known) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}

/** `did you mean "x"?` or, when nothing is near, the list of what is known. */
export function suggestName(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  if (known.length === 0) return "none is known";
  const shown = known.slice(0, 20).join(", ");
  return known.length > 20 ? `known are ${shown}, ...` : `known are ${shown}`;
}
