// Text that a worker, a hook or a user wrote, made safe to show: what would steer a terminal becomes visible.

/**
 * Controls (C0, DEL, C1), line and paragraph separators, direction marks, the byte order mark and lone
 * surrogates. Direction marks can make a line read as something else than it says.
 */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\ufeff]/gu;
const unsafeButTab = /(?!\t)[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\ufeff]/gu;
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** JSON text needs no change for the newlines of its own layout; inside strings they are escaped already. */
const unsafeInJson = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/** One line of text with every unsafe character written as `\n`, `\x1b` or `\u202e`; tabs stay. */
export function visible(text: string): string {
  return text.replace(unsafeButTab, escapeCharacter);
}

/** As `visible`, with tabs written as `\t` too: for cells, where a tab would break the columns. */
export function visibleCell(text: string): string {
  return text.replace(unsafe, escapeCharacter);
}

/**
 * As `visibleCell`, with everything else that has no width of its own, such as a zero-width space, as `\u200b` too:
 * for names and values that are quoted because something is wrong with them.
 */
export function visibleQuote(text: string): string {
  return text.replace(invisible, escapeCharacter);
}

/**
 * JSON text of a value that is safe to show: the same value as `JSON.stringify` gives, with the unsafe
 * characters that JSON allows in strings escaped as well. `indent` is the number of spaces per level.
 */
export function safeJson(value: unknown, indent = 0): string {
  return (JSON.stringify(value, null, indent) ?? "null").replace(
    unsafeInJson,
    (character) => `\\u${hex(character.charCodeAt(0), 4)}`,
  );
}

const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapeCharacter(character: string): string {
  const known = short[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0)!;
  if (code > 0xffff) return `\\u{${code.toString(16)}}`;
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
