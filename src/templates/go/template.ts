// Go's text/template: parse once, execute for every allocation.

import { MaandError } from "../../model/error.ts";
import { builtins } from "./builtins.ts";
import { execute } from "./execute.ts";
import { SourceFault, templateError } from "./fault.ts";
import { parseSource, type TemplateBodies } from "./parser.ts";
import type { FunctionTable, Value } from "./value.ts";

/** A parsed template: holds no data, so one serves any number of executions. */
export interface ParsedTemplate {
  /** The file's name as messages show it. */
  readonly name: string;
  readonly source: string;
  readonly bodies: TemplateBodies;
}

/**
 * Parses a template. `functions` are the names that it may call besides the built-ins.
 * Throws `MaandError("render")` with file, line and column.
 */
export function parseTemplate(
  name: string,
  source: string,
  functions: Iterable<string> = [],
): ParsedTemplate {
  return located(name, source, () => ({
    name,
    source,
    bodies: parseSource(name, source, [...builtins.keys(), ...functions]),
  }));
}

/**
 * The output of a template for `data` (dot). `functions` must have every name that it was parsed with.
 * Bytes that are not UTF-8 are kept in the string as text.ts says; `encodeText` gives the bytes of the file.
 * Throws `MaandError("render")` with file, line, column and the action.
 */
export function executeTemplate(
  template: ParsedTemplate,
  data: Value,
  functions: FunctionTable = new Map(),
): string {
  const { name, source, bodies } = template;
  return located(name, source, () => execute(bodies, name, data, functions));
}

function located<T>(name: string, source: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof SourceFault) throw templateError(name, source, thrown);
    if (thrown instanceof RangeError) {
      throw new MaandError(
        "render",
        "the template is nested too deeply, or makes a value that is too large",
        {
          where: { file: name },
          cause: thrown,
        },
      );
    }
    throw thrown;
  }
}
