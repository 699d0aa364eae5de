// Tokens of the template language, and which characters may stand in them.

export type TokenKind =
  | "text"
  | "left" // {{
  | "right" // }}
  | "space"
  | "boolean"
  | "character" // 'a'
  | "number" // complex constants such as 1+2i included
  | "string"
  | "raw string"
  | "assign" // =
  | "declare" // :=
  | "dot"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "nil"
  | "open" // (
  | "close" // )
  | "pipe"
  | "other" // printable, but without a meaning here
  | "error"
  | "end of file";

export interface Token {
  readonly kind: TokenKind;
  /** As in the source; for "text" after trimming, for "error" what is wrong. */
  readonly text: string;
  /** Where it begins in the source, in UTF-16 units. */
  readonly offset: number;
}

/** Words that are not functions. `nil`, `true` and `false` have token kinds of their own. */
export const keywords: ReadonlySet<string> = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "template",
  "with",
]);

/** Space, tab, carriage return and newline: what separates words and what trim markers remove. */
export function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\t" || character === "\r" || character === "\n";
}

/** Letters, decimal digits of any script, and `_`: what names are made of. */
export function isWordCharacter(character: string | undefined): boolean {
  if (character === undefined) return false;
  const code = character.charCodeAt(0);
  if (code < 0x80) {
    return (
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x41 && code <= 0x5a) ||
      (code >= 0x30 && code <= 0x39) ||
      code === 0x5f
    );
  }
  return /^[\p{L}\p{Nd}]$/u.test(character);
}

/** A token as messages name it. */
export function describeToken(token: Token): string {
  if (token.kind === "end of file") return "the end of the file";
  if (token.kind === "right") return "}}";
  if (token.kind === "keyword") return `{{${token.text}}}`;
  const text = token.text.length > 20 ? `${token.text.slice(0, 20)}...` : token.text;
  return JSON.stringify(text);
}
