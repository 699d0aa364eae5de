// `.eta` files. Imported only when there is one: Eta and the JavaScript sandbox cost start-up time.

import { createContext, Script } from "node:vm";
import { Eta } from "eta/core";
import { MaandError } from "../model/error.ts";
import type { TemplateEnvironment, TemplateFile } from "./environment.ts";
import { CallFault, SourceFault } from "./go/fault.ts";
import { limits } from "./go/limits.ts";
import { javascriptContext } from "./javascript.ts";

/** Milliseconds that one file may take: an endless loop in it must not hang maand. */
const timeout = 5_000;

// The core build of Eta has no access to files, so there is nothing to include.
const eta = new Eta({ autoEscape: false, autoFilter: true, cache: false, debug: true });

interface Compiled {
  readonly script: Script;
}

const compiled = new Map<string, Compiled>();
const maxCompiled = 256;

/**
 * The text of an Eta file for one allocation. The code in it has JavaScript's own objects only: no clock, no random numbers,
 * no files, no environment. That keeps renders the same from run to run; it is no wall against a hostile template.
 * Throws `MaandError("render")` with file and line.
 */
export function renderEta(file: TemplateFile, environment: TemplateEnvironment): string {
  const { script } = compileOnce(file);
  const { it, secretSeen } = javascriptContext(file.text, environment);
  const place = { line: 1 };
  const failure: { thrown?: unknown } = {};
  const globals = createContext({
    it,
    options: {},
    host: {
      config: { escapeFunction: String, filterFunction: printable },
      // Called by the compiled template with the line it had reached.
      RuntimeErr: (thrown: unknown, _source: string, line: number) => {
        place.line = line;
        failure.thrown = thrown;
        throw thrown;
      },
      render: refuseInclude,
      renderAsync: refuseInclude,
    },
  });
  new Script(restrictGlobals).runInContext(globals);
  let text: unknown;
  try {
    text = script.runInContext(globals, { timeout });
  } catch (thrown) {
    const cause = failure.thrown ?? thrown;
    throw etaError(file, "thrown" in failure ? place.line : undefined, cause, secretSeen());
  }
  if (typeof text !== "string")
    throw etaError(file, undefined, new CallFault("the template gives no text"), false);
  if (text.length > limits.size) {
    const fault = new CallFault(`the output is longer than ${limits.size} characters`);
    throw etaError(file, undefined, fault, false);
  }
  return text.toWellFormed();
}

// What would differ from run to run or from host to host is taken away before the template runs.
const restrictGlobals = `"use strict";
for (const name of Object.getOwnPropertyNames(globalThis)) {
  const kept = ["Array", "ArrayBuffer", "BigInt", "Boolean", "DataView", "Error", "Infinity", "JSON", "Map", "Math", "NaN", "Number",
    "Object", "RangeError", "ReferenceError", "RegExp", "Set", "String", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint8Array",
    "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "isFinite", "isNaN", "parseFloat", "parseInt", "undefined",
    "globalThis", "Iterator", "Promise", "Proxy", "Reflect", "WeakMap", "WeakSet", "Function",
    "it", "host", "options"];
  if (!kept.includes(name)) delete globalThis[name];
}
delete Math.random;
`;

function compileOnce(file: TemplateFile): Compiled {
  const key = `${file.path}\0${file.text}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = compile(file);
  const oldest = compiled.keys().next();
  if (compiled.size >= maxCompiled && !oldest.done) compiled.delete(oldest.value);
  compiled.set(key, made);
  return made;
}

function compile(file: TemplateFile): Compiled {
  let body: string;
  try {
    body = eta.compileToString(file.text);
  } catch (thrown) {
    const { line, column } = parsePlace(thrown);
    throw new MaandError("render", "a tag of the template is not closed or not well formed", {
      where: {
        file: file.path,
        ...(line === undefined ? {} : { line }),
        ...(column === undefined ? {} : { column }),
      },
      hint: "every <% needs its %>",
      cause: thrown,
    });
  }
  const code = `(function (it, options) {${body}\n}).call(host, it, options)`;
  try {
    return { script: new Script(code, { filename: file.path }) };
  } catch (thrown) {
    const line = sourceLine(code, thrown);
    throw new MaandError("render", `the JavaScript in the template is not valid: ${messageOf(thrown)}`, {
      where: { file: file.path, ...(line === undefined ? {} : { line }) },
      hint: "check brackets and braces from this line on",
      cause: thrown,
    });
  }
}

// Eta tells the place of a parse error in its message and nowhere else.
function parsePlace(thrown: unknown): { line?: number; column?: number } {
  const match = /at line (\d+) col (\d+)/.exec(messageOf(thrown));
  return match === null ? {} : { line: Number(match[1]), column: Number(match[2]) };
}

// The compiled code notes the template's line before each tag; the last note before the fault is its place.
function sourceLine(code: string, thrown: unknown): number | undefined {
  const at =
    typeof thrown === "object" && thrown !== null && "line" in thrown ? Number(thrown.line) : Number.NaN;
  if (!Number.isInteger(at)) return undefined;
  const notes = [
    ...code
      .split("\n")
      .slice(0, at)
      .join("\n")
      .matchAll(/^__eta\.line=(\d+)$/gm),
  ];
  return notes.length === 0 ? undefined : Number(notes.at(-1)![1]);
}

function printable(value: unknown): string {
  if (value === undefined || value === null) throw new CallFault(`a tag prints ${String(value)}`);
  if (typeof value === "function") throw new CallFault("a tag prints a function; was () forgotten?");
  if (typeof value === "object" && String(value) === "[object Object]") {
    throw new CallFault("a tag prints an object", { hint: "print it.toJson(...) of it" });
  }
  return String(value);
}

function refuseInclude(): never {
  throw new CallFault("include and layout are not available", { hint: "put the text into this file" });
}

function etaError(
  file: TemplateFile,
  line: number | undefined,
  thrown: unknown,
  secretSeen: boolean,
): MaandError {
  if (thrown instanceof MaandError) return thrown;
  const where = { file: file.path, ...(line === undefined ? {} : { line }) };
  const isOwn = thrown instanceof CallFault || thrown instanceof SourceFault;
  if (isOwn) {
    const action = thrown instanceof SourceFault && thrown.action !== undefined ? `<${thrown.action}>: ` : "";
    return new MaandError("render", action + thrown.message, {
      where,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      ...(thrown instanceof SourceFault && thrown.why !== undefined ? { why: thrown.why } : {}),
    });
  }
  if (isObjectWith(thrown, "code") && thrown.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") {
    return new MaandError("render", `the template takes more than ${timeout / 1000} seconds`, {
      where,
      hint: "look for a loop that does not end",
    });
  }
  // JavaScript's messages quote values, and after a secret was read any value may hold it.
  if (secretSeen) {
    return new MaandError("render", `the template failed with ${nameOf(thrown)}`, {
      where,
      why: "the message is not shown because the template has read a secret",
    });
  }
  return new MaandError("render", `${nameOf(thrown)}: ${messageOf(thrown)}`, { where });
}

function messageOf(thrown: unknown): string {
  return isObjectWith(thrown, "message") ? String(thrown.message) : String(thrown);
}

function nameOf(thrown: unknown): string {
  return isObjectWith(thrown, "name") ? String(thrown.name) : "an error";
}

// Errors of the sandbox are no instances of this side's Error.
function isObjectWith<K extends string>(thrown: unknown, key: K): thrown is Record<K, unknown> {
  return typeof thrown === "object" && thrown !== null && key in thrown;
}
