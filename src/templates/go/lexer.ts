// Template text → tokens. Trim markers are applied and comments dropped here.

import { isSpace, isWordCharacter, keywords, type Token, type TokenKind } from "./token.ts";

interface Lexer {
  readonly source: string;
  at: number;
  parentheses: number;
  readonly tokens: Token[];
}

/**
 * All tokens of the source. The last one is "end of file", or "error" where the source stops making sense: the parser
 * reports that one only if it gets so far.
 */
export function tokenize(source: string): Token[] {
  const lexer: Lexer = { source, at: 0, parentheses: 0, tokens: [] };
  let trimmed = false;
  while (lexer.at < source.length) {
    const found = source.indexOf("{{", lexer.at);
    const end = found < 0 ? source.length : found;
    addText(lexer, end, trimmed, found >= 0 && trimsLeft(source, found + 2));
    if (found < 0) break;
    const after = lexAction(lexer);
    if (after === "error") return lexer.tokens;
    trimmed = after === "trim";
  }
  add(lexer, "end of file", "", lexer.at);
  return lexer.tokens;
}

function addText(lexer: Lexer, end: number, trimStart: boolean, trimEnd: boolean): void {
  let from = lexer.at;
  let to = end;
  if (trimStart) while (from < to && isSpace(lexer.source[from])) from++;
  if (trimEnd) while (to > from && isSpace(lexer.source[to - 1])) to--;
  if (to > from) add(lexer, "text", lexer.source.slice(from, to), from);
  lexer.at = end;
}

type After = "plain" | "trim" | "error";

// From `{{` to `}}`, both included.
function lexAction(lexer: Lexer): After {
  const { source } = lexer;
  const start = lexer.at;
  lexer.at += 2;
  if (trimsLeft(source, lexer.at)) lexer.at += 2;
  if (source.startsWith("/*", lexer.at)) return lexComment(lexer, start);
  add(lexer, "left", "{{", start);
  lexer.parentheses = 0;
  for (;;) {
    const right = rightDelimiter(lexer);
    if (right !== undefined) {
      if (lexer.parentheses > 0) return fail(lexer, "a ( is not closed", lexer.at);
      add(lexer, "right", "}}", lexer.at);
      lexer.at += right.length;
      return right.trim ? "trim" : "plain";
    }
    if (!lexToken(lexer)) return "error";
  }
}

function lexComment(lexer: Lexer, start: number): After {
  const close = lexer.source.indexOf("*/", lexer.at + 2);
  if (close < 0) return fail(lexer, "the comment is not closed", start);
  lexer.at = close + 2;
  const right = rightDelimiter(lexer);
  if (right === undefined) return fail(lexer, "the comment must end right before }}", close);
  lexer.at += right.length;
  return right.trim ? "trim" : "plain";
}

function trimsLeft(source: string, at: number): boolean {
  return source[at] === "-" && isSpace(source[at + 1]);
}

function rightDelimiter(lexer: Lexer): { length: number; trim: boolean } | undefined {
  const { source, at } = lexer;
  if (source.startsWith("}}", at)) return { length: 2, trim: false };
  if (isSpace(source[at]) && source.startsWith("-}}", at + 1)) return { length: 4, trim: true };
  return undefined;
}

// One token inside an action; false after an error.
function lexToken(lexer: Lexer): boolean {
  const { source, at } = lexer;
  const character = source[at];
  if (character === undefined) return fails(lexer, "the action is not closed with }}", at);
  if (isSpace(character)) return lexSpace(lexer);
  switch (character) {
    case "=":
      return take(lexer, "assign", 1);
    case ":":
      return source[at + 1] === "=" ? take(lexer, "declare", 2) : fails(lexer, "expected := after :", at);
    case "|":
      return take(lexer, "pipe", 1);
    case '"':
      return lexQuoted(lexer, '"', "string");
    case "'":
      return lexQuoted(lexer, "'", "character");
    case "`":
      return lexRaw(lexer);
    case "$":
      return lexName(lexer, "variable");
    case "(":
      lexer.parentheses++;
      return take(lexer, "open", 1);
    case ")":
      lexer.parentheses--;
      return lexer.parentheses < 0 ? fails(lexer, "a ) closes nothing", at) : take(lexer, "close", 1);
    default:
  }
  if (character === "." && !isDigit(source[at + 1])) {
    return at + 1 >= source.length
      ? fails(lexer, "the action is not closed with }}", at)
      : lexName(lexer, "field");
  }
  if (isDigit(character) || character === "." || character === "+" || character === "-")
    return lexNumber(lexer);
  const whole = String.fromCodePoint(source.codePointAt(at)!);
  if (isWordCharacter(whole)) return lexName(lexer, "identifier");
  if (character > " " && character < "\x7f") return take(lexer, "other", 1);
  return fails(lexer, `the character ${JSON.stringify(whole)} has no meaning in an action`, at);
}

// A run of space, leaving the last one for a trim marker that follows.
function lexSpace(lexer: Lexer): boolean {
  let end = lexer.at;
  while (isSpace(lexer.source[end])) end++;
  if (lexer.source.startsWith("-}}", end)) end--;
  return take(lexer, "space", end - lexer.at);
}

// `.name`, `$name` or `name`: a mark (for the first two) and then word characters, up to something that may follow a name.
function lexName(lexer: Lexer, kind: "field" | "variable" | "identifier"): boolean {
  const { source, at } = lexer;
  let end = kind === "identifier" ? at : at + 1;
  for (;;) {
    const codePoint = source.codePointAt(end);
    if (codePoint === undefined) break;
    const character = String.fromCodePoint(codePoint);
    if (!isWordCharacter(character)) break;
    end += character.length;
  }
  if (!endsName(source, end)) {
    const bad = String.fromCodePoint(source.codePointAt(end)!);
    return fails(lexer, `the character ${JSON.stringify(bad)} may not follow ${source.slice(at, end)}`, end);
  }
  const word = source.slice(at, end);
  if (kind === "field" && word === ".") return take(lexer, "dot", 1);
  if (kind !== "identifier") return take(lexer, kind, end - at);
  if (word === "true" || word === "false") return take(lexer, "boolean", end - at);
  if (word === "nil") return take(lexer, "nil", end - at);
  return take(lexer, keywords.has(word) ? "keyword" : "identifier", end - at);
}

function endsName(source: string, at: number): boolean {
  const character = source[at];
  return (
    character === undefined ||
    isSpace(character) ||
    ".,|:()".includes(character) ||
    source.startsWith("}}", at)
  );
}

function lexQuoted(lexer: Lexer, quote: string, kind: "string" | "character"): boolean {
  const { source, at } = lexer;
  for (let end = at + 1; end < source.length && source[end] !== "\n"; end++) {
    if (source[end] === quote) return take(lexer, kind, end + 1 - at);
    if (source[end] === "\\" && source[end + 1] !== "\n") end++;
  }
  return fails(
    lexer,
    kind === "string" ? `a string is not closed with "` : "a character is not closed with '",
    at,
  );
}

function lexRaw(lexer: Lexer): boolean {
  const end = lexer.source.indexOf("`", lexer.at + 1);
  if (end < 0) return fails(lexer, "a string is not closed with `", lexer.at);
  return take(lexer, "raw string", end + 1 - lexer.at);
}

// What may be a number; whether it is one is for constants.ts to say.
function lexNumber(lexer: Lexer): boolean {
  const { source, at } = lexer;
  let end = scanNumber(source, at);
  if (end !== undefined && (source[end] === "+" || source[end] === "-")) {
    const imaginary = scanNumber(source, end);
    end = imaginary !== undefined && source[imaginary - 1] === "i" ? imaginary : undefined;
  }
  if (end !== undefined) return take(lexer, "number", end - at);
  let word = at + 1;
  while (word < source.length && (isWordCharacter(source[word]) || source[word] === ".")) word++;
  return fails(lexer, `${source.slice(at, word)} is not a number`, at);
}

const numberPattern =
  /[+-]?(?:0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*\.?[0-7_]*|0[bB][01_]*\.?[01_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)i?/y;

// End of the longest text from `at` that has the letters of a number, or undefined when a word character follows it.
function scanNumber(source: string, at: number): number | undefined {
  numberPattern.lastIndex = at;
  const match = numberPattern.exec(source);
  const end = at + (match?.[0].length ?? 0);
  const next = source.codePointAt(end);
  return next !== undefined && isWordCharacter(String.fromCodePoint(next)) ? undefined : end;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function take(lexer: Lexer, kind: TokenKind, length: number): true {
  add(lexer, kind, lexer.source.slice(lexer.at, lexer.at + length), lexer.at);
  lexer.at += length;
  return true;
}

function add(lexer: Lexer, kind: TokenKind, text: string, offset: number): void {
  lexer.tokens.push({ kind, text, offset });
}

function fails(lexer: Lexer, what: string, offset: number): false {
  add(lexer, "error", what, offset);
  return false;
}

function fail(lexer: Lexer, what: string, offset: number): "error" {
  add(lexer, "error", what, offset);
  return "error";
}
