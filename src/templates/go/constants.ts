// Constants in the source: numbers of every base, characters and strings, as Go reads them.

import { decodeText, encodeText, runeOf } from "./text.ts";
import type { ComplexValue } from "./value.ts";

/** A number constant. It fits several types at once, as Go's untyped constants do; each is absent where it does not fit. */
export interface NumberConstant {
  /** What it is where nothing asks for a type; "overflow" for whole numbers beyond 64 bits signed. */
  readonly natural: bigint | number | ComplexValue | "overflow";
  /** As an integer, when it is whole and fits 64 bits. */
  readonly integer: bigint | undefined;
}

const maxInt = 2n ** 63n - 1n;
const minInt = -(2n ** 63n);
const maxUint = 2n ** 64n - 1n;

/** Reads a "number" token; undefined when it is not a number. */
export function parseNumber(text: string): NumberConstant | undefined {
  if (text.endsWith("i")) return parseComplex(text);
  const whole = parseInteger(text);
  if (whole !== undefined) {
    const integer = whole >= minInt && whole <= maxInt ? whole : undefined;
    if (integer !== undefined) return { natural: integer, integer };
    if (whole >= 0n && whole <= maxUint) return { natural: "overflow", integer: undefined };
  }
  const float = parseFloat64(text);
  // Go takes a text without any of these letters for a whole number, and that did not fit.
  if (float === undefined || !/[.eEpP]/.test(text)) return undefined;
  const integer = wholeNumber(float);
  if (/^[+-]?0[xX]/.test(text) && !/[pP]/.test(text)) return undefined;
  return { natural: float, integer };
}

function wholeNumber(float: number): bigint | undefined {
  if (!Number.isInteger(float) || Math.abs(float) >= 2 ** 63) return undefined;
  return BigInt(float);
}

// `1i`, `1+2i`. A complex number without an imaginary part is an ordinary one.
function parseComplex(text: string): NumberConstant | undefined {
  const split = /^(.+?)([+-](?:[^+-]|(?<=[eEpP])[+-])*)$/.exec(text.replace(/i$/, ""));
  const isPair = split !== null && !/[eEpP]$/.test(split[1]!);
  const real = isPair ? parseFloat64(split[1]!) : 0;
  const imaginary = parseFloat64(isPair ? split[2]! : text.slice(0, -1));
  if (real === undefined || imaginary === undefined) return undefined;
  if (imaginary === 0) {
    const integer = wholeNumber(real);
    return { natural: { kind: "complex", real, imaginary }, integer };
  }
  return { natural: { kind: "complex", real, imaginary }, integer: undefined };
}

const integerPattern = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)$/;

function parseInteger(text: string): bigint | undefined {
  const match = integerPattern.exec(text);
  // No base needs as many digits for 64 bits; reading a million of them would take its time.
  if (match === null || text.length > 400 || !underscoresFit(match[2]!)) return undefined;
  const digits = match[2]!.replaceAll("_", "");
  if (/^0[xXbBoO]$/.test(digits)) return undefined;
  const octal = /^0[0-7]+$/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
  return match[1] === "-" ? -value : value;
}

// `_` may stand only between digits, or between a base prefix and a digit.
function underscoresFit(digits: string): boolean {
  if (!digits.includes("_")) return true;
  const body = digits.replace(/^0[xXbBoO]/, "0");
  return /^[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*$/.test(body);
}

/** Reads a float as Go does, hexadecimal ones included; undefined when it is none or too large. */
function parseFloat64(text: string): number | undefined {
  const hex = /^([+-]?)(0[xX][0-9a-fA-F_]*)(\.[0-9a-fA-F_]*)?[pP]([+-]?[0-9][0-9_]*)$/.exec(text);
  if (hex !== null) return parseHexFloat(hex[1]!, hex[2]!, hex[3] ?? "", hex[4]!);
  const plain = /^[+-]?([0-9_]*)(?:\.([0-9_]*))?(?:[eE][+-]?([0-9][0-9_]*))?$/.exec(text);
  if (plain === null) return undefined;
  const parts = [plain[1], plain[2], plain[3]];
  if (!parts.every((part) => part === undefined || part === "" || /^[0-9]+(?:_[0-9]+)*$/.test(part))) {
    return undefined;
  }
  if ((plain[1] ?? "") === "" && (plain[2] ?? "") === "") return undefined;
  const value = Number(text.replaceAll("_", ""));
  return Number.isFinite(value) ? value : undefined;
}

function parseHexFloat(sign: string, whole: string, fraction: string, exponent: string): number | undefined {
  const digits = whole.slice(2);
  if (!underscoresFit(`0x${digits || "0"}`) || !/^[0-9]+(?:_[0-9]+)*$/.test(exponent.replace(/^[+-]/, ""))) {
    return undefined;
  }
  if (fraction.length > 1 && !/^[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*$/.test(fraction.slice(1))) return undefined;
  const after = fraction.slice(1).replaceAll("_", "");
  const mantissa = digits.replaceAll("_", "") + after;
  if (mantissa === "") return undefined;
  const power = Number(exponent.replaceAll("_", "")) - 4 * after.length;
  const value = scaleByPowerOfTwo(BigInt(`0x${mantissa}`), power);
  if (!Number.isFinite(value)) return undefined;
  return sign === "-" ? -value : value;
}

// mantissa · 2^power, rounded once, to the nearest float64 and to even on a tie.
function scaleByPowerOfTwo(mantissa: bigint, power: number): number {
  if (mantissa === 0n) return 0;
  const bits = mantissa.toString(2).length;
  if (bits + power > 1024) return Number.POSITIVE_INFINITY;
  if (bits + power < -1075) return 0;
  // The last bit that the result keeps has the weight 2^unit.
  const unit = Math.max(bits + power - 53, -1074);
  const shift = unit - power;
  let kept = mantissa;
  if (shift > 0) {
    const below = mantissa & ((1n << BigInt(shift)) - 1n);
    kept = mantissa >> BigInt(shift);
    const half = 1n << BigInt(shift - 1);
    if (below > half || (below === half && (kept & 1n) === 1n)) kept++;
  } else {
    kept = mantissa << BigInt(-shift);
  }
  const value = Number(kept);
  return unit >= -1000 ? value * 2 ** unit : value * 2 ** -1000 * 2 ** (unit + 1000);
}

const simpleEscapes: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

const escapePattern =
  /\\(?:([abfnrtv\\'"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|([^\\])/suy;

/** Content of a quoted string or character token, or undefined when an escape in it is not Go's. */
export function unquote(token: string): string | undefined {
  const quote = token[0]!;
  const body = token.slice(1, -1);
  if (quote === "`") return body.replaceAll("\r", "");
  if (!body.includes("\\")) return body;
  const bytes: number[] = [];
  escapePattern.lastIndex = 0;
  for (let at = 0; at < body.length; at = escapePattern.lastIndex) {
    const match = escapePattern.exec(body);
    if (match === null) return undefined;
    const [, simple, octal, hex, short, long, plain] = match;
    if (simple !== undefined) {
      if ((simple === '"' || simple === "'") && simple !== quote) return undefined;
      bytes.push(...encodeText(simpleEscapes[simple] ?? simple));
    } else if (octal !== undefined || hex !== undefined) {
      const byte = octal === undefined ? Number.parseInt(hex!, 16) : Number.parseInt(octal, 8);
      if (byte > 255) return undefined;
      bytes.push(byte);
    } else if (plain !== undefined) bytes.push(...encodeText(plain));
    else {
      const codePoint = Number.parseInt(short ?? long!, 16);
      if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return undefined;
      bytes.push(...encodeText(String.fromCodePoint(codePoint)));
    }
  }
  return decodeText(Uint8Array.from(bytes));
}

/** The code point of a character token such as `'a'`; undefined when it is not exactly one character. */
export function parseCharacter(token: string): bigint | undefined {
  const body = token.slice(1, -1);
  // '\xff' is the number 255, although that byte alone is no character.
  const byte = /^\\(?:x([0-9a-fA-F]{2})|([0-7]{3}))$/.exec(body);
  if (byte !== null) {
    const value = byte[1] === undefined ? Number.parseInt(byte[2]!, 8) : Number.parseInt(byte[1], 16);
    return value > 255 ? undefined : BigInt(value);
  }
  const text = unquote(token);
  if (text === undefined) return undefined;
  const characters = [...text];
  return characters.length === 1 ? BigInt(runeOf(characters[0]!)) : undefined;
}
