// What the two halves of the parser share: the tokens, the variables in scope, and how to refuse.

import { SourceFault } from "./fault.ts";
import { limits } from "./limits.ts";
import type { Node } from "./node.ts";
import { describeToken, type Token } from "./token.ts";

export interface ParseState {
  readonly tokens: readonly Token[];
  at: number;
  /** Names, with their `$`, that may be used here. */
  variables: string[];
  /** How many `range` bodies of the current template are open: `break` and `continue` need one. */
  loops: number;
  /** Actions and parentheses open at this place. */
  nesting: number;
  readonly functions: { has(name: string): boolean };
  readonly functionNames: () => readonly string[];
  readonly templates: Map<string, readonly Node[]>;
}

/** The next token without taking it. The list never runs out: its last token ends or fails the parse. */
export function peek(state: ParseState): Token {
  return state.tokens[state.at]!;
}

/** Takes the next token; an error of the lexer is raised here. */
export function next(state: ParseState): Token {
  const token = peek(state);
  if (token.kind === "error") throw new SourceFault("parse", token.offset, token.text);
  if (token.kind !== "end of file") state.at++;
  return token;
}

export function skipSpace(state: ParseState): void {
  while (peek(state).kind === "space") state.at++;
}

/** Takes the next token that is not space. */
export function nextWord(state: ParseState): Token {
  skipSpace(state);
  return next(state);
}

/** The next token that is not space, still to be taken. An error of the lexer is raised here too. */
export function peekWord(state: ParseState): Token {
  skipSpace(state);
  const token = peek(state);
  if (token.kind === "error") throw new SourceFault("parse", token.offset, token.text);
  return token;
}

/** Takes the `}}` that must come next. */
export function expectRight(state: ParseState, context: string): void {
  const token = nextWord(state);
  if (token.kind !== "right") unexpected(token, context);
}

export function unexpected(token: Token, context: string): never {
  throw new SourceFault("parse", token.offset, `unexpected ${describeToken(token)} in ${context}`);
}

/** Runs `parse` one level deeper, up to the limit that keeps the parser's own stack small. */
export function nested<T>(state: ParseState, offset: number, parse: () => T): T {
  if (state.nesting >= limits.nesting) {
    throw new SourceFault(
      "parse",
      offset,
      `more than ${limits.nesting} actions or parentheses inside each other`,
    );
  }
  state.nesting++;
  const result = parse();
  state.nesting--;
  return result;
}
