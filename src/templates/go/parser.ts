// Tokens → tree: text, control structures and definitions.

import { unquote } from "./constants.ts";
import { SourceFault } from "./fault.ts";
import { tokenize } from "./lexer.ts";
import type { BranchNode, Node, PipeNode, TemplateNode } from "./node.ts";
import { parsePipeline } from "./parse-pipeline.ts";
import {
  expectRight,
  nested,
  next,
  nextWord,
  type ParseState,
  peek,
  peekWord,
  unexpected,
} from "./parse-state.ts";
import type { Token } from "./token.ts";

/** The bodies of all templates that a source defines, the source itself among them under its own name. */
export type TemplateBodies = ReadonlyMap<string, readonly Node[]>;

/** Parses a source. `functions` are the names it may call. Throws `SourceFault`. */
export function parseSource(name: string, source: string, functions: Iterable<string>): TemplateBodies {
  const known = new Set(functions);
  const state: ParseState = {
    tokens: tokenize(source),
    at: 0,
    variables: ["$"],
    loops: 0,
    nesting: 0,
    functions: known,
    functionNames: () => [...known].sort(),
    templates: new Map(),
  };
  const { nodes, end } = parseList(state, "top");
  if (end !== undefined)
    throw new SourceFault("parse", end.offset, `unexpected {{${end.word}}}: nothing is open`);
  // A file of definitions only may define a template of its own name.
  defineTemplate(state, name, nodes, 0);
  return state.templates;
}

/** What ended a list: the offset of its action, and which of the two words it was. */
interface ListEnd {
  word: "end" | "else";
  offset: number;
}

// Nodes up to `{{end}}` or `{{else`, which is taken, or to the end of the file.
function parseList(state: ParseState, place: "top" | "inside"): { nodes: Node[]; end: ListEnd | undefined } {
  const nodes: Node[] = [];
  for (;;) {
    const token = next(state);
    switch (token.kind) {
      case "end of file":
        return { nodes, end: undefined };
      case "text":
        nodes.push({ kind: "text", offset: token.offset, text: token.text });
        break;
      case "left": {
        const made = parseAction(state, token, place);
        if (made === "defined") break;
        if ("word" in made) return { nodes, end: made };
        nodes.push(made);
        break;
      }
      default:
        unexpected(token, "the text");
    }
  }
}

function parseAction(state: ParseState, left: Token, place: "top" | "inside"): Node | ListEnd | "defined" {
  const token = peekWord(state);
  const { offset } = token;
  if (token.kind !== "keyword") {
    const pipe = parsePipeline(state, "the action", "right");
    return { kind: "action", offset, pipe };
  }
  state.at++;
  switch (token.text) {
    case "end":
      expectRight(state, "end");
      return { word: "end", offset };
    case "else":
      return parseElse(state, offset);
    case "if":
    case "with":
    case "range":
      return parseBranch(state, token.text, offset);
    case "template":
      return parseTemplateCall(state, offset);
    case "block":
      return parseBlock(state, offset);
    case "define":
      if (place === "top") return parseDefine(state, offset);
      throw new SourceFault("parse", left.offset, "{{define}} is allowed only outside of all other actions");
    default:
      return parseLoopWord(state, token.text === "break" ? "break" : "continue", offset);
  }
}

// `{{else}}` whole, or `{{else` when `if` or `with` follows: the branch then goes on with that.
function parseElse(state: ParseState, offset: number): ListEnd {
  const token = peekWord(state);
  const goesOn = token.kind === "keyword" && (token.text === "if" || token.text === "with");
  if (!goesOn) expectRight(state, "else");
  return { word: "else", offset };
}

function parseLoopWord(state: ParseState, word: "break" | "continue", offset: number): Node {
  const token = nextWord(state);
  if (token.kind !== "right") unexpected(token, `{{${word}}}`);
  if (state.loops === 0)
    throw new SourceFault("parse", offset, `{{${word}}} stands outside of every {{range}}`);
  return { kind: word, offset };
}

function parseBranch(state: ParseState, kind: BranchNode["kind"], offset: number): BranchNode {
  const scope = state.variables.length;
  const pipe = parsePipeline(state, kind, "right");
  if (kind === "range") state.loops++;
  const body = nested(state, offset, () => parseList(state, "inside"));
  if (kind === "range") state.loops--;
  let otherwise: readonly Node[] | undefined;
  if (body.end?.word === "else") otherwise = parseOtherwise(state, kind, offset);
  else if (body.end === undefined) notClosed(kind, offset);
  state.variables.length = scope;
  return { kind, offset, pipe, body: body.nodes, otherwise };
}

function parseOtherwise(state: ParseState, kind: BranchNode["kind"], offset: number): readonly Node[] {
  const token = peek(state);
  if (kind !== "range" && token.kind === "keyword" && token.text === kind) {
    state.at++;
    return [nested(state, token.offset, () => parseBranch(state, kind, token.offset))];
  }
  const rest = nested(state, offset, () => parseList(state, "inside"));
  if (rest.end === undefined) notClosed(kind, offset);
  if (rest.end.word === "else") {
    throw new SourceFault("parse", rest.end.offset, `a second {{else}} in one {{${kind}}}`);
  }
  return rest.nodes;
}

function notClosed(kind: string, offset: number): never {
  throw new SourceFault("parse", offset, `{{${kind}}} has no {{end}}`);
}

function parseTemplateName(state: ParseState, context: string): string {
  const token = nextWord(state);
  if (token.kind !== "string" && token.kind !== "raw string") unexpected(token, context);
  const name = unquote(token.text);
  if (name === undefined) throw new SourceFault("parse", token.offset, `${token.text} is not a valid name`);
  return name;
}

function parseTemplateCall(state: ParseState, offset: number): TemplateNode {
  const name = parseTemplateName(state, "template");
  let pipe: PipeNode | undefined;
  if (peekWord(state).kind === "right") state.at++;
  else pipe = parsePipeline(state, "template", "right");
  return { kind: "template", offset, name, pipe };
}

function parseBlock(state: ParseState, offset: number): TemplateNode {
  const name = parseTemplateName(state, "block");
  const pipe = parsePipeline(state, "block", "right");
  parseBody(state, name, "block", offset);
  return { kind: "template", offset, name, pipe };
}

function parseDefine(state: ParseState, offset: number): "defined" {
  const name = parseTemplateName(state, "define");
  expectRight(state, "define");
  parseBody(state, name, "define", offset);
  return "defined";
}

// The body of another template: it sees neither the variables nor the loops around it.
function parseBody(state: ParseState, name: string, kind: "block" | "define", offset: number): void {
  const { variables, loops } = state;
  state.variables = ["$"];
  state.loops = 0;
  const body = nested(state, offset, () => parseList(state, "inside"));
  if (body.end === undefined) notClosed(kind, offset);
  if (body.end.word === "else")
    throw new SourceFault("parse", body.end.offset, `unexpected {{else}} in ${kind}`);
  state.variables = variables;
  state.loops = loops;
  defineTemplate(state, name, body.nodes, offset);
}

// A body of nothing but space gives way to any other of the same name; two real ones are a mistake.
function defineTemplate(state: ParseState, name: string, nodes: readonly Node[], offset: number): void {
  const existing = state.templates.get(name);
  if (existing === undefined || isEmpty(existing)) state.templates.set(name, nodes);
  else if (!isEmpty(nodes)) {
    throw new SourceFault("parse", offset, `template ${JSON.stringify(name)} is defined twice`);
  }
}

function isEmpty(nodes: readonly Node[]): boolean {
  return nodes.every((node) => node.kind === "text" && node.text.trim() === "");
}
