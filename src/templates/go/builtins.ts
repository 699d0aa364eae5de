// The functions that the language itself has.

import { indexInto, lengthOf, sliceOf } from "./access.ts";
import { equalsAny, order } from "./compare.ts";
import { escapeHtml, escapeJs, escapeQuery } from "./escape.ts";
import { CallFault } from "./fault.ts";
import { sprint, sprintln } from "./format/print.ts";
import { sprintf } from "./format/printf.ts";
import { type Budget, spendSize, spendWork } from "./limits.ts";
import { isTrue } from "./truth.ts";
import type { FunctionTable, TemplateFunction } from "./value.ts";
import { typeName, unhide, type Value } from "./value.ts";

/** `and` and `or` stop at the argument that decides; the evaluator does that before it calls them. */
export const shortCircuits: ReadonlyMap<string, boolean> = new Map([
  ["and", false],
  ["or", true],
]);

const lastOf: TemplateFunction = {
  parameters: ["value"],
  rest: "value",
  call: (args) => args.at(-1),
};

/** The built-in functions of Go's text/template, by name. `call` is here for its name; calls.ts runs it. */
export const builtins: FunctionTable = new Map<string, TemplateFunction>([
  ["and", lastOf],
  ["or", lastOf],
  ["not", { parameters: ["value"], call: (args) => !isTrue(args[0]) }],
  ["eq", { parameters: ["value"], rest: "value", call: ([first, ...rest]) => equalsAny(first, rest) }],
  ["ne", { parameters: ["value", "value"], call: ([a, b]) => !equalsAny(a, [b]) }],
  ["lt", comparison((n) => n < 0)],
  ["le", comparison((n) => n <= 0)],
  ["gt", comparison((n) => n > 0)],
  ["ge", comparison((n) => n >= 0)],
  ["len", { parameters: ["value"], call: (args) => lengthOf(args[0]) }],
  ["index", { parameters: ["value"], rest: "value", call: ([item, ...rest]) => indexInto(item, rest) }],
  ["slice", { parameters: ["value"], rest: "value", call: ([item, ...rest]) => sliceOf(item, rest) }],
  ["print", { parameters: [], rest: "any", call: sprint }],
  ["println", { parameters: [], rest: "any", call: sprintln }],
  [
    "printf",
    {
      parameters: ["string"],
      rest: "any",
      call: ([format, ...rest], budget) => sprintf(format as string, rest, budget),
    },
  ],
  ["html", escaper(escapeHtml)],
  ["js", escaper(escapeJs)],
  ["urlquery", escaper(escapeQuery)],
  [
    "call",
    {
      parameters: ["value"],
      rest: "value",
      call: ([first]) => {
        throw new CallFault(
          first === undefined || first === null
            ? "nil is no function"
            : `a ${typeName(first)} is no function`,
        );
      },
    },
  ],
]);

function comparison(holds: (order: number) => boolean): TemplateFunction {
  return { parameters: ["value", "value"], call: ([a, b]) => holds(order(a, b)) };
}

function escaper(escapeText: (text: string) => string): TemplateFunction {
  return {
    parameters: [],
    rest: "any",
    call: (args, budget) => {
      const text = textOf(args, budget);
      spendWork(budget, text.length * 16);
      const escaped = escapeText(text);
      spendSize(budget, escaped.length);
      return escaped;
    },
  };
}

// Escapers print like actions do: what is missing is `<no value>`, where print says `<nil>`.
function textOf(args: readonly Value[], budget: Budget): string {
  const only = args.length === 1 ? unhide(args[0]) : undefined;
  if (typeof only === "string") return only;
  const shown = args.map((value) => (value === undefined || value === null ? "<no value>" : value));
  return sprint(shown, budget);
}
