// Remote commands as values: shell text that can only be built from literals, script files and quoted words.

import { MaandError } from "../../model/error.ts";

const brand: unique symbol = Symbol("ShellText");
declare const fileBrand: unique symbol;

/** Text for a POSIX shell. Only the functions of this file make one, so no plain string becomes a command by accident. */
export interface ShellText {
  readonly [brand]: true;
  readonly text: string;
}

/**
 * The text of a file that is compiled into the executable. Only `import text from "./x.sh" with { type: "text" }` has
 * this type (see `text-modules.d.ts` in src/worker), so no string that was put together at run time becomes a script.
 */
export type ScriptFile = string & { readonly [fileBrand]: true };

/** What may stand between the pieces of a command: one word, several words, or shell text as it is. */
export type ShellPart = string | number | readonly string[] | ShellText;

/**
 * Builds a command: sh`make -C ${dir} ${target}`. A string or number becomes one quoted word, a list becomes
 * quoted words with a space between them, `ShellText` is put in unchanged.
 * Throws a "usage" MaandError for what no shell word can hold (NUL, NaN) and for a placeholder inside quotes.
 */
export function sh(literals: TemplateStringsArray, ...parts: ShellPart[]): ShellText {
  let text = "";
  let quote: Quote = "";
  for (let i = 0; i < literals.length; i++) {
    const literal = literals[i]!;
    text += literal;
    if (i === parts.length) break;
    quote = quoteAfter(literal, quote);
    // Quotes would nest: '${"a b"}' would leave `a b` outside of them.
    if (quote !== "")
      throw refused("a placeholder stands inside quotes", "write it without quotes around it");
    text += textOf(parts[i]!);
  }
  return make(text);
}

/** A script file as shell text, without its comments. Values reach it as arguments: see `runScript`. */
export function script(file: ScriptFile): ShellText {
  return make(withoutComments(file));
}

/**
 * `text` without blank lines, lines that hold nothing but a `#` comment, and the last line end: what a worker need not
 * be sent. It knows nothing of shell or Python, so a script has no string and no here-document with such a line.
 */
export function withoutComments(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/^\s*(?:#|$)/.test(line))
    .join("\n");
}

/**
 * A script as one simple command: `sh -c` with its text, and with what it finds in `"$@"`. A list or a number is quoted;
 * each word of a `ShellText` becomes an argument, for a script that runs another command.
 */
export function runScript(shell: "sh" | "bash", text: ShellText, ...args: ShellPart[]): ShellText {
  return make([`${shell} -c ${quoteWord(text.text)} ${shell}`, ...args.map(textOf)].join(" "));
}

/** Puts the texts one after the other with the same operator between them. */
export function joinShell(operator: "&&" | "||" | "|" | ";" | "\n", texts: readonly ShellText[]): ShellText {
  const between = operator === "\n" ? "\n" : operator === ";" ? "; " : ` ${operator} `;
  return make(texts.map((t) => t.text).join(between));
}

/** Runs `text`, one simple command, through `sudo -n` when asked to; wrap anything compound with `bash` first. */
export function sudo(useSudo: boolean, text: ShellText): ShellText {
  return useSudo ? make(`sudo -n ${text.text}`) : text;
}

/**
 * Runs `text`, one simple command, with these variables set. They travel as arguments of `env`, so that sudo does
 * not drop them; other users of the worker can read them, so no secrets. Throws for a name that is no variable name.
 */
export function withEnv(variables: Record<string, string>, text: ShellText): ShellText {
  const words = Object.entries(variables).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw refused(`"${name}" is no name of an environment variable`, "use letters, digits and _");
    }
    return `${name}=${quoteWord(value)}`;
  });
  return words.length === 0 ? text : make(`env ${words.join(" ")} ${text.text}`);
}

/** `bash -c` with the whole script as its one argument: makes a compound text a simple command. */
export function bash(script: ShellText): ShellText {
  return make(`bash -c ${quoteWord(script.text)}`);
}

// `=` is missing on purpose: an unquoted first word with it would be an assignment.
const plainWord = /^[A-Za-z0-9_/.@%+:,-]+$/;
const reservedWord =
  /^(?:if|then|else|elif|fi|for|while|until|do|done|case|esac|in|function|select|time|coproc)$/;

const nul = "a NUL character cannot be part of a command";

/** `word` so that a POSIX shell reads exactly that one word. */
export function quoteWord(word: string): string {
  if (word.includes("\0")) throw refused(nul, "remove it");
  if (plainWord.test(word) && !reservedWord.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

type Quote = "" | "'" | '"';

/** Which quote is open at the end of a literal. */
function quoteAfter(literal: string, before: Quote): Quote {
  let quote = before;
  for (let i = 0; i < literal.length; i++) {
    const c = literal[i]!;
    if (c === "\\" && quote !== "'") i++;
    else if (quote === "" && (c === "'" || c === '"')) quote = c;
    else if (c === quote) quote = "";
  }
  return quote;
}

function textOf(part: ShellPart): string {
  if (typeof part === "string") return quoteWord(part);
  if (typeof part === "number") {
    if (!Number.isFinite(part)) throw refused(`${part} is no number for a command`, "pass a finite number");
    return quoteWord(String(part));
  }
  return isShellText(part) ? part.text : part.map(quoteWord).join(" ");
}

function isShellText(part: readonly string[] | ShellText): part is ShellText {
  return brand in part;
}

function make(text: string): ShellText {
  if (text.includes("\0")) throw refused(nul, "remove it");
  return Object.freeze({ [brand]: true as const, text });
}

function refused(why: string, hint: string): MaandError {
  return new MaandError("usage", "a remote command could not be built", { why, hint });
}
