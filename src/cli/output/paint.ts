// Colours for a terminal, or none: the same functions either way.

/** Each wraps text in one attribute and ends it again; nesting is not needed here. */
export interface Paint {
  readonly enabled: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** SGR numbers: what begins an attribute and what ends it (ECMA-48, 8.3.117). */
const attributes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

function wrap(enabled: boolean, name: keyof typeof attributes): (text: string) => string {
  if (!enabled) return (text) => text;
  const [begin, end] = attributes[name];
  return (text) => (text === "" ? "" : `\x1b[${begin}m${text}\x1b[${end}m`);
}

/** Colour functions that do nothing when `enabled` is false. */
export function createPaint(enabled: boolean): Paint {
  return {
    enabled,
    bold: wrap(enabled, "bold"),
    dim: wrap(enabled, "dim"),
    red: wrap(enabled, "red"),
    green: wrap(enabled, "green"),
    yellow: wrap(enabled, "yellow"),
    cyan: wrap(enabled, "cyan"),
  };
}
