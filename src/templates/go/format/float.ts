// Floats and complex numbers under the verbs v e E f F g G b x X.

import { spendSize, spendWork } from "../limits.ts";
import type { ComplexValue } from "../value.ts";
import { type Directive, pad } from "./directive.ts";
import { type FloatFormat, floatText } from "./float-text.ts";

/** Format and precision that each verb has when none is given; -1 is as many digits as needed. */
const verbs: Record<string, { format: FloatFormat; precision: number }> = {
  v: { format: "g", precision: -1 },
  g: { format: "g", precision: -1 },
  G: { format: "G", precision: -1 },
  b: { format: "b", precision: -1 },
  x: { format: "x", precision: -1 },
  X: { format: "X", precision: -1 },
  e: { format: "e", precision: 6 },
  E: { format: "E", precision: 6 },
  f: { format: "f", precision: 6 },
  F: { format: "f", precision: 6 },
};

/** The float under `verb`, or undefined when floats do not have that verb. */
export function formatFloat(directive: Directive, value: number, verb: string): string | undefined {
  const known = Object.hasOwn(verbs, verb) ? verbs[verb]! : undefined;
  if (known === undefined) return undefined;
  const precision = directive.precision ?? known.precision;
  // A float can have a thousand digits before it is rounded.
  if (precision >= 0) spendWork(directive.budget, 4000);
  if (precision > 0) spendSize(directive.budget, precision);
  const text = floatText(value, known.format, precision);
  let sign = text[0] === "-" || text[0] === "+" ? text[0] : "+";
  let number = text[0] === sign ? text.slice(1) : text;
  if (directive.space && sign === "+" && !directive.plus) sign = " ";
  if (number === "Inf" || number === "NaN") {
    const shown = number === "NaN" && !directive.space && !directive.plus ? "" : sign;
    return pad(directive, shown + number, false);
  }
  if (directive.sharp && verb !== "b") number = keepZeros(number, verb, directive.precision ?? -1);
  if (!directive.plus && sign === "+") return pad(directive, number);
  const length = number.length + 1;
  if (directive.zero && !directive.minus && directive.width !== undefined && directive.width > length) {
    spendSize(directive.budget, directive.width);
    return sign + number.padStart(directive.width - 1, "0");
  }
  return pad(directive, sign + number);
}

/** The complex number under `verb`, or undefined when floats do not have that verb. */
export function formatComplex(directive: Directive, value: ComplexValue, verb: string): string | undefined {
  const real = formatFloat(directive, value.real, verb);
  const imaginary = formatFloat({ ...directive, plus: true }, value.imaginary, verb);
  return real === undefined ? undefined : `(${real}${imaginary}i)`;
}

// The flag # keeps the point, and for %g the zeros at the end. `x` counts as a digit in 0x1.8p+00, as it does for Go.
function keepZeros(number: string, verb: string, precision: number): string {
  const hex = verb === "x" || verb === "X";
  const tailAt = number.search(hex ? /[pP]/ : /[eE]/);
  const mantissa = tailAt < 0 ? number : number.slice(0, tailAt);
  const tail = tailAt < 0 ? "" : number.slice(tailAt);
  let missing = "vgGx".includes(verb) ? (precision < 0 ? 6 : precision) : 0;
  const significant = mantissa.replace(".", "").replace(/^0+/, "").length;
  missing -= significant;
  const hasPoint = mantissa.includes(".");
  if (!hasPoint && mantissa === "0") missing--;
  return mantissa + (hasPoint ? "" : ".") + "0".repeat(Math.max(missing, 0)) + tail;
}
