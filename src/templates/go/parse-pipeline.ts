// Pipelines, commands and operands.

import { suggestName } from "../../support/nearest.ts";
import { parseCharacter, parseNumber, unquote } from "./constants.ts";
import { SourceFault } from "./fault.ts";
import type { CommandNode, Operand, PipeNode } from "./node.ts";
import { nodeText } from "./node-text.ts";
import {
  nested,
  next,
  nextWord,
  type ParseState,
  peek,
  peekWord,
  skipSpace,
  unexpected,
} from "./parse-state.ts";
import type { Token } from "./token.ts";

/** A pipeline up to and including the `}}` or `)` that ends it. `context` is the word that messages use for it. */
export function parsePipeline(state: ParseState, context: string, end: "right" | "close"): PipeNode {
  const offset = peekWord(state).offset;
  const { variables, assigns } = parseVariables(state, context);
  const commands: CommandNode[] = [];
  for (;;) {
    const token = nextWord(state);
    if (token.kind === end) {
      checkStages(commands, context, offset);
      return { kind: "pipe", offset, variables, assigns, commands };
    }
    if (!startsOperand(token)) unexpected(token, context);
    state.at--;
    commands.push(parseCommand(state));
  }
}

function startsOperand(token: Token): boolean {
  switch (token.kind) {
    case "boolean":
    case "character":
    case "dot":
    case "field":
    case "identifier":
    case "number":
    case "nil":
    case "raw string":
    case "string":
    case "variable":
    case "open":
      return true;
    default:
      return false;
  }
}

// `$x :=`, `$x =`, and for range `$i, $x :=`. A variable that is none of these starts an operand instead.
function parseVariables(state: ParseState, context: string): { variables: string[]; assigns: boolean } {
  const variables: string[] = [];
  for (;;) {
    const first = peekWord(state);
    if (first.kind !== "variable") return { variables, assigns: false };
    const start = state.at;
    state.at++;
    const token = peekWord(state);
    if (token.kind === "assign" || token.kind === "declare") {
      state.at++;
      variables.push(first.text);
      // Declared from here on, so the pipeline itself may already use it.
      state.variables.push(first.text);
      return { variables, assigns: token.kind === "assign" };
    }
    if (token.kind !== "other" || token.text !== ",") {
      state.at = start;
      return { variables, assigns: false };
    }
    state.at++;
    variables.push(first.text);
    state.variables.push(first.text);
    if (context === "range" && variables.length < 2) {
      const after = peekWord(state);
      // `{{range $i, := .x}}` and `{{range $i, .x}}` are not declarations of two.
      if (after.kind === "variable" || after.kind === "right" || after.kind === "close") continue;
      unexpected(after, "the variables of range");
    }
    throw new SourceFault("parse", token.offset, `too many variables are declared in ${context}`);
  }
}

// Only functions and fields can take the value of the stage before, so only they may follow a `|`.
function checkStages(commands: readonly CommandNode[], context: string, offset: number): void {
  if (commands.length === 0) throw new SourceFault("parse", offset, `a value is missing in ${context}`);
  for (const [index, command] of commands.slice(1).entries()) {
    const word = command.words[0];
    if (["boolean", "dot", "nil", "number", "string"].includes(word.kind)) {
      throw new SourceFault(
        "parse",
        command.offset,
        `${nodeText(word)} cannot be stage ${index + 2} of a pipeline: it takes no argument`,
      );
    }
  }
}

// Operands with space between them, up to a `|` (which is taken) or the end of the pipeline (which is not).
function parseCommand(state: ParseState): CommandNode {
  const offset = peekWord(state).offset;
  const words: Operand[] = [];
  for (;;) {
    skipSpace(state);
    const operand = parseOperand(state);
    if (operand !== undefined) words.push(operand);
    const token = next(state);
    if (token.kind === "space") continue;
    if (token.kind === "right" || token.kind === "close") state.at--;
    else if (token.kind !== "pipe") unexpected(token, "an operand");
    break;
  }
  const [first, ...rest] = words;
  if (first === undefined) throw new SourceFault("parse", offset, "a command is empty");
  return { kind: "command", offset, words: [first, ...rest] };
}

// A term and the fields that are asked of it.
function parseOperand(state: ParseState): Operand | undefined {
  const term = parseTerm(state);
  if (term === undefined || peek(state).kind !== "field") return term;
  const path: string[] = [];
  while (peek(state).kind === "field") path.push(next(state).text.slice(1));
  switch (term.kind) {
    case "field":
      return { ...term, path: [...term.path, ...path] };
    case "variable":
      return { ...term, path: [...term.path, ...path] };
    case "boolean":
    case "string":
    case "number":
    case "nil":
    case "dot":
      throw new SourceFault("parse", peek(state).offset, `${nodeText(term)} has no fields`);
    default:
      return { kind: "chain", offset: term.offset, base: term, path };
  }
}

function parseTerm(state: ParseState): Operand | undefined {
  const token = peekWord(state);
  if (!startsOperand(token)) return undefined;
  state.at++;
  const { offset, text } = token;
  switch (token.kind) {
    case "identifier":
      checkFunction(state, token);
      return { kind: "identifier", offset, name: text };
    case "dot":
      return { kind: "dot", offset };
    case "nil":
      return { kind: "nil", offset };
    case "variable":
      checkVariable(state, token);
      return { kind: "variable", offset, name: text, path: [] };
    case "field":
      return { kind: "field", offset, path: [text.slice(1)] };
    case "boolean":
      return { kind: "boolean", offset, value: text === "true" };
    case "open":
      return nested(state, offset, () => parsePipeline(state, "the parentheses", "close"));
    case "character":
    case "number":
      return parseNumberWord(token);
    default:
      return parseString(token);
  }
}

function parseNumberWord(token: Token): Operand {
  const { offset, text } = token;
  if (token.kind === "character") {
    const value = parseCharacter(text);
    if (value === undefined) throw new SourceFault("parse", offset, `${text} is not one character`);
    return { kind: "number", offset, text, constant: { natural: value, integer: value } };
  }
  const constant = parseNumber(text);
  if (constant === undefined) {
    throw new SourceFault("parse", offset, `${text} is not a number, or is too large for one`);
  }
  return { kind: "number", offset, text, constant };
}

function parseString(token: Token): Operand {
  const value = unquote(token.text);
  if (value === undefined) {
    throw new SourceFault(
      "parse",
      token.offset,
      `the string ${token.text} has an escape that does not exist`,
      {
        hint: "write it between ` ` if backslashes should stay as they are",
      },
    );
  }
  return { kind: "string", offset: token.offset, quoted: token.text, value };
}

function checkFunction(state: ParseState, token: Token): void {
  if (state.functions.has(token.text)) return;
  throw new SourceFault("parse", token.offset, `function "${token.text}" is not defined`, {
    hint: suggestName(token.text, state.functionNames()),
  });
}

function checkVariable(state: ParseState, token: Token): void {
  if (state.variables.includes(token.text)) return;
  throw new SourceFault("parse", token.offset, `variable "${token.text}" is not defined here`, {
    hint: `declare it before with {{${token.text} := ...}}`,
  });
}
