// The functions of templates, put together for one environment.

import type { TemplateEnvironment } from "./environment.ts";
import { encodingFunctions } from "./functions/encoding.ts";
import { numberFunctions } from "./functions/numbers.ts";
import { storeFunctions } from "./functions/store.ts";
import { textFunctions } from "./functions/text.ts";
import type { FunctionTable } from "./go/value.ts";

/** Functions of their arguments alone. */
export const pureFunctions: FunctionTable = new Map([
  ...textFunctions,
  ...numberFunctions,
  ...encodingFunctions,
]);

/** Every function that a template of this environment may call, the language's built-ins aside. */
export function templateFunctions(environment: TemplateEnvironment): FunctionTable {
  const table = new Map([...pureFunctions, ...storeFunctions(environment), ...(environment.functions ?? [])]);
  for (const name of environment.withoutFunctions ?? []) table.delete(name);
  return table;
}
