// What a function looks like to a template: its parameters, so that calls can be checked, and its body.

import type { Budget } from "./limits.ts";
import type { Value } from "./value.ts";

/**
 * The type of a parameter. `any` takes every value, nil included. `value` does so too and tells a value that is
 * missing (`undefined`) from nil (`null`), as Go's own built-ins do.
 */
export type ParameterType = "string" | "int" | "any" | "value" | "list";

export interface TemplateFunction {
  /** The parameters in order; a call may leave out the last ones down to `least`. */
  readonly parameters: readonly ParameterType[];
  /** Type of any further arguments; without it there may be none. */
  readonly rest?: ParameterType;
  /** How many arguments are needed. Default: all of `parameters`. */
  readonly least?: number;
  /**
   * The body. Arguments have the declared types and hide nothing: the caller covers the result again when one of them was
   * a secret. It throws `CallFault` for what the template's author did wrong.
   */
  call(args: readonly Value[], budget: Budget): Value;
}

/** Functions by the name that templates call them. A table may add to the built-ins but not replace them. */
export type FunctionTable = ReadonlyMap<string, TemplateFunction>;
