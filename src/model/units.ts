// Memory and CPU as the user writes them, in MB and MHz.

const memoryUnits: Record<string, number> = { "": 1, mb: 1, gb: 1024, tb: 1024 * 1024 };
const cpuUnits: Record<string, number> = { "": 1, mhz: 1, ghz: 1000, thz: 1_000_000 };

/** Memory in MB from `512`, `"512 mb"`, `"1.5GB"`, `"1tb"` (1 gb = 1024 mb); undefined when it is none of these. */
export function parseMemory(value: string | number): number | undefined {
  return parseQuantity(value, memoryUnits);
}

/** CPU in MHz from `500`, `"500 mhz"`, `"2.4GHz"`, `"1thz"` (1 ghz = 1000 mhz); undefined when it is none of these. */
export function parseCpu(value: string | number): number | undefined {
  return parseQuantity(value, cpuUnits);
}

/** A number as plain decimal text, never in exponent form. */
export function plainDecimal(value: number): string {
  if (Number.isInteger(value)) return BigInt(value).toString();
  return value.toFixed(6).replace(/\.?0+$/, "");
}

function parseQuantity(value: string | number, units: Record<string, number>): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim());
  if (match === null) return undefined;
  const factor = Object.hasOwn(units, match[2]!.toLowerCase()) ? units[match[2]!.toLowerCase()] : undefined;
  if (factor === undefined) return undefined;
  const amount = Number(match[1]) * factor;
  return Number.isFinite(amount) ? amount : undefined;
}
