// Columns that text takes on a terminal, and text cut to fit.

const plainAscii = /^[\x20-\x7e]*$/;
let graphemes: Intl.Segmenter | undefined;

/** Columns of one line of text without control characters; wide characters take two, colours none. */
export function textWidth(text: string): number {
  return plainAscii.test(text) ? text.length : Bun.stringWidth(text);
}

/** The text, or as many of its first characters as fit before a `…`. For text without colours; `width` is at least 1. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (plainAscii.test(text)) return `${text.slice(0, width - 1)}…`;
  graphemes ??= new Intl.Segmenter();
  const kept: string[] = [];
  let taken = 0;
  for (const { segment } of graphemes.segment(text)) {
    taken += textWidth(segment);
    if (taken > width - 1) break;
    kept.push(segment);
  }
  // The widths of characters do not always add up to that of the whole.
  while (textWidth(kept.join("")) > width - 1) kept.pop();
  return `${kept.join("")}…`;
}
