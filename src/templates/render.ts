// One file → its text for one allocation, by the language that its suffix names.

import { MaandError } from "../model/error.ts";
import { allocationName, contextValue, type TemplateEnvironment, type TemplateFile } from "./environment.ts";
import { templateFunctions } from "./functions.ts";
import { executeTemplate, type ParsedTemplate, parseTemplate } from "./go/template.ts";

const suffixes = [".tpl", ".eta"] as const;

/** The path that a template's result has, or undefined when the file is no template. */
export function renderedPath(path: string): string | undefined {
  const suffix = suffixes.find((candidate) => path.endsWith(candidate));
  return suffix === undefined ? undefined : path.slice(0, -suffix.length);
}

// The same file is rendered for every allocation of its job, and jobs of one bucket are staged side by side.
const parsed = new Map<string, ParsedTemplate>();
const maxParsed = 256;
let parses = 0;

/** How many Go templates were parsed so far: tests show with it that renders share a parse. */
export function parseCount(): number {
  return parses;
}

/**
 * The text of a `.tpl` or `.eta` file for one allocation. Bytes that are not UTF-8 stay in the string as
 * `go/text.ts` says; write `encodeText` of it. Throws `MaandError("render")` with file, line and column; `why` names
 * the allocation.
 */
export async function renderTemplate(file: TemplateFile, environment: TemplateEnvironment): Promise<string> {
  if (!file.path.endsWith(".eta")) return renderGoTemplate(file, environment);
  const { renderEta } = await import("./eta.ts");
  return forAllocation(environment, () => renderEta(file, environment));
}

/** As `renderTemplate`, for text in Go's language whatever its name. */
export function renderGoTemplate(file: TemplateFile, environment: TemplateEnvironment): string {
  return forAllocation(environment, () => {
    const functions = templateFunctions(environment);
    const template = parseOnce(file, [...functions.keys()]);
    return executeTemplate(template, contextValue(environment.data), functions);
  });
}

function parseOnce(file: TemplateFile, functions: readonly string[]): ParsedTemplate {
  const key = `${file.path}\0${functions.join(" ")}\0${file.text}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  parses++;
  const template = parseTemplate(file.path, file.text, functions);
  const oldest = parsed.keys().next();
  if (parsed.size >= maxParsed && !oldest.done) parsed.delete(oldest.value);
  parsed.set(key, template);
  return template;
}

function forAllocation(environment: TemplateEnvironment, render: () => string): string {
  try {
    return render();
  } catch (thrown) {
    if (!(thrown instanceof MaandError) || thrown.kind !== "render") throw thrown;
    const rendered = `rendered for ${allocationName(environment.data)}`;
    throw new MaandError("render", thrown.message, {
      where: thrown.where,
      why: thrown.why === undefined ? rendered : `${thrown.why}; ${rendered}`,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      cause: thrown,
    });
  }
}
