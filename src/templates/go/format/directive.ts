// One formatting directive such as `%-08.3f`, and what every verb does with its width.

import { type Budget, spendSize } from "../limits.ts";
import { runeCount } from "../text.ts";

export interface Directive {
  minus: boolean;
  plus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  /** `%+v`: structs with field names. */
  plusV: boolean;
  /** `%#v`: Go syntax. */
  sharpV: boolean;
  width: number | undefined;
  precision: number | undefined;
  /** What the rendering may still use. */
  readonly budget: Budget;
}

export function newDirective(budget: Budget): Directive {
  return {
    minus: false,
    plus: false,
    sharp: false,
    space: false,
    zero: false,
    plusV: false,
    sharpV: false,
    width: undefined,
    precision: undefined,
    budget,
  };
}

/** `text` brought to the directive's width, counted in runes. */
export function pad(directive: Directive, text: string, zero = directive.zero): string {
  if (directive.width === undefined || directive.width === 0) return text;
  const missing = directive.width - runeCount(text);
  if (missing <= 0) return text;
  spendSize(directive.budget, missing);
  if (directive.minus) return text + " ".repeat(missing);
  return (zero ? "0" : " ").repeat(missing) + text;
}
