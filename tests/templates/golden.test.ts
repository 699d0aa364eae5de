// Every recorded case gives what real Go gave: the same bytes, or a refusal at the same stage that names the same things.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MaandError } from "../../src/model/error.ts";
import { executeTemplate, parseTemplate } from "../../src/templates/go/template.ts";
import { encodeText } from "../../src/templates/go/text.ts";
import { thrownBy } from "../support/thrown.ts";
import { judgedFunctions, taggedValue } from "./tagged.ts";

interface Recorded {
  template: string;
  data?: unknown;
  output?: string;
  base64?: string;
  stage?: "parse" | "exec";
  error?: string;
  line?: number;
}

const folder = join(import.meta.dir, "golden");

function load(name: string): Recorded[] {
  const file = JSON.parse(readFileSync(join(folder, name), "utf8")) as { data?: unknown; cases: Recorded[] };
  return file.cases.map((one) => ({ data: file.data, ...one }));
}

/** What Go calls by name in its message, which ours must name too. */
function namesIn(message: string): string[] {
  const patterns = [
    /function "([^"]*)" not defined/,
    /undefined variable:? "?(\$\w*)/,
    /template "([^"]*)" not defined/,
    /wrong number of args for (\w+)/,
    /error calling (\w+):/,
    /can't evaluate field (\w+) in type/,
    /multiple definition of template "([^"]*)"/,
    /expected (integer|string); found/,
  ];
  return patterns.flatMap((pattern) => pattern.exec(message)?.slice(1) ?? []);
}

function run(one: Recorded): void {
  const name = "t";
  if (one.stage === undefined) {
    const bytes =
      one.base64 === undefined ? Buffer.from(one.output ?? "") : Buffer.from(one.base64, "base64");
    const parsed = parseTemplate(name, one.template, judgedFunctions.keys());
    const output = executeTemplate(parsed, taggedValue(one.data), judgedFunctions);
    expect(Buffer.from(encodeText(output)).toString("latin1"), one.template).toBe(bytes.toString("latin1"));
    return;
  }
  const parse = () => parseTemplate(name, one.template, judgedFunctions.keys());
  const work =
    one.stage === "parse" ? parse : () => executeTemplate(parse(), taggedValue(one.data), judgedFunctions);
  if (one.stage === "exec") expect(parse, one.template).not.toThrow();
  const thrown = thrownBy(work, one.template);
  expect(thrown, one.template).toBeInstanceOf(MaandError);
  const error = thrown as MaandError;
  expect(error.kind).toBe("render");
  expect(error.where.file).toBe(name);
  for (const word of namesIn(one.error ?? "")) expect(error.message, one.template).toContain(word);
  if (one.stage === "exec") {
    // Go names the end of some actions that span lines, we name the beginning.
    expect(error.where.line, one.template).toBeLessThanOrEqual(one.line!);
    expect(error.where.line, one.template).toBeGreaterThanOrEqual(one.line! - 2);
  }
}

describe("as real Go", () => {
  const files = readdirSync(folder).sort();
  for (const file of files) {
    test(file, () => {
      for (const one of load(file)) run(one);
    });
  }

  test("there are enough cases of each sort", () => {
    const all = files.flatMap(load);
    expect(all.filter((one) => one.stage === undefined).length).toBeGreaterThan(400);
    expect(all.filter((one) => one.stage === "parse").length).toBeGreaterThan(100);
    expect(all.filter((one) => one.stage === "exec").length).toBeGreaterThan(100);
  });
});
