// A float64 as text in Go's formats e, f, g, b and x.

import { type Digits, exactDigits, roundDigits, shortestDigits, splitFloat } from "./decimal.ts";

export type FloatFormat = "e" | "E" | "f" | "g" | "G" | "b" | "x" | "X";

/** `value` in `format`, with a leading `-` where due; `precision` -1 is the fewest digits that read back the same. */
export function floatText(value: number, format: FloatFormat, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (size === Number.POSITIVE_INFINITY) return sign === "-" ? "-Inf" : "+Inf";
  switch (format) {
    case "b": {
      const { mantissa, power } = splitFloat(size);
      return `${sign}${mantissa}p${power < 0 ? "" : "+"}${power}`;
    }
    case "x":
      return sign + hexText(size, precision);
    case "X":
      return sign + hexText(size, precision).toUpperCase();
    case "E":
    case "G":
      return sign + decimalText(size, format === "E" ? "e" : "g", precision).toUpperCase();
    default:
      return sign + decimalText(size, format, precision);
  }
}

function decimalText(size: number, format: "e" | "f" | "g", precision: number): string {
  const shortest = precision < 0;
  if (format === "f") {
    const exact = shortest ? shortestDigits(size) : exactDigits(size);
    const places = shortest ? Math.max(exact.digits.length - exact.point, 0) : precision;
    return pointText(shortest ? exact : roundDigits(exact, exact.point + places), places);
  }
  if (format === "e") {
    const digits = shortest ? shortestDigits(size) : roundDigits(exactDigits(size), precision + 1);
    return exponentText(digits, shortest ? Math.max(digits.digits.length - 1, 0) : precision);
  }
  const count = precision === 0 ? 1 : precision;
  const digits = shortest ? shortestDigits(size) : roundDigits(exactDigits(size), count);
  const exponent = digits.point - 1;
  // %g takes the exponent form below 1e-4, and from 10^precision on; a whole number keeps its digits if they are given.
  let limit = shortest ? 6 : count;
  const length = digits.digits.length;
  if (!shortest && limit > length && length >= digits.point) limit = length;
  if (exponent < -4 || exponent >= limit) return exponentText(digits, Math.max(length - 1, 0));
  return pointText(digits, Math.max(digits.digits.length - digits.point, 0));
}

function pointText({ digits, point }: Digits, places: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (places === 0) return whole;
  const fraction = point >= 0 ? digits.slice(point) : "0".repeat(Math.min(-point, places)) + digits;
  return `${whole}.${fraction.slice(0, places).padEnd(places, "0")}`;
}

function exponentText({ digits, point }: Digits, places: number): string {
  const exponent = digits === "" ? 0 : point - 1;
  const mantissa = (digits[0] ?? "0") + (places > 0 ? `.${digits.slice(1).padEnd(places, "0")}` : "");
  const size = Math.abs(exponent);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${size < 10 ? "0" : ""}${size}`;
}

// 0x1.8p+01: one digit before the point, the rest of the mantissa after it.
function hexText(size: number, precision: number): string {
  let { mantissa, power } = splitFloat(size);
  if (mantissa === 0n) {
    return `0x0${precision > 0 ? `.${"0".repeat(precision)}` : ""}p+00`;
  }
  while (mantissa < 1n << 52n) {
    mantissa <<= 1n;
    power--;
  }
  let exponent = power + 52;
  if (precision >= 0 && precision < 13) {
    const cut = BigInt(4 * (13 - precision));
    const below = mantissa & ((1n << cut) - 1n);
    const half = 1n << (cut - 1n);
    mantissa >>= cut;
    if (below > half || (below === half && (mantissa & 1n) === 1n)) mantissa++;
    mantissa <<= cut;
    if (mantissa >> 53n) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const all = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(13, "0");
  const fraction = precision < 0 ? all.replace(/0+$/, "") : all.slice(0, precision).padEnd(precision, "0");
  const power10 = Math.abs(exponent).toString().padStart(2, "0");
  return `0x1${fraction === "" ? "" : `.${fraction}`}p${exponent < 0 ? "-" : "+"}${power10}`;
}
