// What a JSON syntax error means in words, and what to do about it.

import { createScanner, type ParseError, printParseErrorCode } from "jsonc-parser";

export interface SyntaxProblem {
  offset: number;
  message: string;
  hint: string;
}

interface Context {
  /** The token before the error, as written; "" at the start. */
  before: string;
  /** The token at the error, as written; "" at the end of the text. */
  found: string;
  /** The innermost bracket that is open at the error. */
  open: { bracket: string; line: number } | undefined;
  /** Nothing stands between the two tokens. */
  joined: boolean;
}

/** Whether everything after this error is still understood: a comma too many or too few, a comment, a bad escape. */
export function isSurvivable(text: string, error: ParseError): boolean {
  switch (printParseErrorCode(error.error)) {
    case "CommaExpected":
    case "InvalidCommentToken":
    case "InvalidUnicode":
    case "InvalidEscapeCharacter":
    case "InvalidCharacter":
      return true;
    case "PropertyNameExpected":
    case "ValueExpected": {
      const { before, found } = contextAt(text, error.offset);
      return before === "," && (found === "}" || found === "]");
    }
    default:
      return false;
  }
}

/** The error in the user's terms. Tokens are quoted shortened, so no long value is repeated. */
export function describeSyntax(text: string, error: ParseError): SyntaxProblem {
  const { offset } = error;
  if (text.trim() === "")
    return { offset: 0, message: "the file is empty", hint: "write a JSON value, such as {} or []" };
  const context = contextAt(text, offset);
  return { offset, ...describe(printParseErrorCode(error.error), context) };
}

function describe(code: string, context: Context): { message: string; hint: string } {
  const found = context.found === "" ? "the file ends" : `${show(context.found)} stands`;
  const here = `${found}${context.before === "" ? " here" : ` after ${show(context.before)}`}`;
  const closer = context.open?.bracket === "[" ? "]" : "}";
  switch (code) {
    case "CommaExpected":
      if (/^-?0$/.test(context.before) && context.joined)
        return { message: "this number begins with 0", hint: "remove the 0" };
      return {
        message: `a comma is missing before ${show(context.found)}`,
        hint: `put a comma after ${show(context.before)}`,
      };
    case "PropertyNameExpected":
      if (context.before === "," && context.found === "}") return trailingComma("}");
      return { message: `${here} where a field name belongs`, hint: "put a field name in double quotes" };
    case "ValueExpected":
      if (context.before === "," && (context.found === "]" || context.found === "}"))
        return trailingComma(context.found);
      return {
        message: `${here} where a value belongs`,
        hint: "put a value there, or remove what asks for it",
      };
    case "ColonExpected":
      return { message: `${here} where a colon belongs`, hint: 'write each field as "name": value' };
    case "CloseBraceExpected":
    case "CloseBracketExpected":
      if (context.found === "")
        return {
          message: `the ${context.open?.bracket ?? "{"} of line ${context.open?.line ?? 1} is never closed`,
          hint: `add the missing ${closer}`,
        };
      return { message: `${here} where a comma or ${closer} belongs`, hint: "check the brackets before it" };
    case "EndOfFileExpected":
      return {
        message: `${show(context.found)} stands after the end of the document`,
        hint: "remove it, or check the brackets before it",
      };
    case "InvalidCommentToken":
    case "UnexpectedEndOfComment":
      return { message: "JSON has no comments", hint: "remove the comment" };
    case "UnexpectedEndOfString":
      return {
        message: "the text that begins here has no closing quote on its line",
        hint: 'close it with ", and write a line break as \\n',
      };
    case "InvalidUnicode":
    case "InvalidEscapeCharacter":
      return {
        message: "this text has a backslash that JSON does not know",
        hint: 'write a backslash as \\\\, or use one of \\" \\/ \\b \\f \\n \\r \\t \\uXXXX',
      };
    case "InvalidCharacter":
      return {
        message: "this text holds a control character",
        hint: "write it as an escape, such as \\t for a tab",
      };
    case "InvalidNumberFormat":
    case "UnexpectedEndOfNumber":
      return { message: `${show(context.found)} is not a JSON number`, hint: "write it as 12 or 1.5" };
    default:
      return {
        message: `${show(context.found)} is not JSON`,
        hint: "put text in double quotes; true, false and null are lower-case",
      };
  }
}

function trailingComma(closer: string): { message: string; hint: string } {
  return { message: `a comma stands before the closing ${closer}`, hint: "remove that comma" };
}

/** A token, at most 30 characters of it. */
function show(token: string): string {
  return token.length > 30 ? `${token.slice(0, 27)}...` : token;
}

function contextAt(text: string, offset: number): Context {
  const scanner = createScanner(text, true);
  const open: { bracket: string; line: number }[] = [];
  let before = "";
  let beforeEnd = 0;
  for (;;) {
    scanner.scan();
    const start = scanner.getTokenOffset();
    const token = text.slice(start, scanner.getPosition());
    if (start >= offset || token === "") {
      const found = /^[^\s,:[\]{}"]+/.exec(token)?.[0] ?? token;
      return { before, found, open: open.at(-1), joined: beforeEnd === start };
    }
    if (token === "{" || token === "[") open.push({ bracket: token, line: scanner.getTokenStartLine() + 1 });
    if (token === "}" || token === "]") open.pop();
    before = token;
    beforeEnd = scanner.getPosition();
  }
}
