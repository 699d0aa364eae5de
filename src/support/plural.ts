// Numbers with their noun, as messages say them.

/** `1 worker`, `3 workers`, `2 processes`; the plural is that of an English noun without an exception. */
export function countOf(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${number} ${noun}${/(s|x|ch|sh)$/.test(noun) ? "es" : "s"}`;
}
