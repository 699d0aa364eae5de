// The decimal digits of a float64: the shortest that read back as the same number, or all of them, rounded where asked.

/** The number 0.d₁d₂d₃… · 10^point; no digits means zero. */
export interface Digits {
  readonly digits: string;
  readonly point: number;
}

/** Mantissa and power of two of a finite, non-negative float64 (IEEE 754): value = mantissa · 2^power. */
export function splitFloat(value: number): { mantissa: bigint; power: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  return exponent === 0
    ? { mantissa: fraction, power: -1074 }
    : { mantissa: fraction | (1n << 52n), power: exponent - 1075 };
}

/** The fewest digits that read back as this finite, non-negative number. */
export function shortestDigits(value: number): Digits {
  if (value === 0) return { digits: "", point: 0 };
  const [mantissa, exponent] = value.toExponential().split("e");
  return { digits: mantissa!.replace(".", ""), point: Number(exponent) + 1 };
}

/** Every digit of this finite, non-negative number. */
export function exactDigits(value: number): Digits {
  const { mantissa, power } = splitFloat(value);
  if (mantissa === 0n) return { digits: "", point: 0 };
  if (power >= 0) {
    const digits = (mantissa << BigInt(power)).toString();
    return trimmed({ digits, point: digits.length });
  }
  // m / 2^k = m · 5^k / 10^k
  const digits = (mantissa * 5n ** BigInt(-power)).toString();
  return trimmed({ digits, point: digits.length + power });
}

/** Rounds to `count` digits, exact ties to even. A negative count leaves nothing. */
export function roundDigits(number: Digits, count: number): Digits {
  const { digits, point } = number;
  if (count >= digits.length) return number;
  if (count < 0) return { digits: "", point: 0 };
  const kept = digits.slice(0, count);
  const odd = count > 0 && Number(kept[count - 1]) % 2 === 1;
  const up = digits[count]! > "5" || (digits[count] === "5" && (digits.length > count + 1 || odd));
  if (!up) return trimmed({ digits: kept, point });
  const raised = (BigInt(kept === "" ? "0" : kept) + 1n).toString();
  // 9.99 becomes 10.0: one digit more before the point.
  return trimmed({ digits: raised, point: raised.length > count ? point + 1 : point });
}

function trimmed({ digits, point }: Digits): Digits {
  const end = digits.replace(/0+$/, "");
  return end === "" ? { digits: "", point: 0 } : { digits: end, point };
}
