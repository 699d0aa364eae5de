// print and println: values in their default form, and one value as an action writes it.

import type { Budget } from "../limits.ts";
import { unhide, type Value } from "../value.ts";
import { newDirective } from "./directive.ts";
import { finishText, formatValue } from "./value.ts";

/** One value in its default form. */
export function printValue(value: Value, budget: Budget): string {
  const plain = unhide(value);
  return typeof plain === "string" ? plain : formatValue(newDirective(budget), "v", plain);
}

/** Values side by side, with a space where neither neighbour is a string (`fmt.Sprint`). */
export function sprint(values: readonly Value[], budget: Budget): string {
  let text = "";
  let afterString = true;
  for (const [index, value] of values.entries()) {
    const isString = typeof unhide(value) === "string";
    if (index > 0 && !isString && !afterString) text += " ";
    text += printValue(value, budget);
    afterString = isString;
  }
  return finishText({ budget }, text);
}

/** Values with a space between each and a newline at the end (`fmt.Sprintln`). */
export function sprintln(values: readonly Value[], budget: Budget): string {
  return finishText({ budget }, `${values.map((value) => printValue(value, budget)).join(" ")}\n`);
}
