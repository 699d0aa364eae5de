// Where keys and values stand in a TOML text that is known to be well-formed.

/** Offsets in UTF-16 units. `end` excludes a trailing comment. For a table, key and value are its header. */
export interface TomlSpot {
  key: number;
  value: number;
  end: number;
}

/**
 * Offsets by path (`JSON.stringify` of the key parts; an element of an array of tables has its index).
 *
 * Limits: keys inside inline tables and elements of arrays have no spot of their own, so faults there point
 * at the key that holds them; a quoted key with escapes that JSON does not have (`\U`, `\e`) is not found.
 */
export function findTomlSpots(text: string): Map<string, TomlSpot> {
  const spots = new Map<string, TomlSpot>();
  const elements = new Map<string, number>();
  let table: (string | number)[] = [];
  let at = skipBlank(text, 0);
  while (at < text.length) {
    const start = at;
    if (text[at] === "[") {
      const isArray = text[at + 1] === "[";
      const header = readKey(text, at + (isArray ? 2 : 1), "]");
      table = resolve(header.parts, elements);
      if (isArray) {
        const name = JSON.stringify(table);
        const index = elements.get(name) ?? 0;
        elements.set(name, index + 1);
        add(spots, table, { key: start, value: start, end: header.end });
        table = [...table, index];
      }
      add(spots, table, { key: start, value: start, end: header.end });
      at = endOfLine(text, header.end);
    } else {
      const key = readKey(text, at, "=");
      const value = skipSpaces(text, key.end);
      const end = skipValue(text, value);
      for (let length = 1; length <= key.parts.length; length++)
        add(spots, [...table, ...key.parts.slice(0, length)], { key: start, value, end });
      at = endOfLine(text, end);
    }
    at = skipBlank(text, Math.max(at, start + 1));
  }
  return spots;
}

function add(spots: Map<string, TomlSpot>, path: readonly (string | number)[], spot: TomlSpot): void {
  const name = JSON.stringify(path);
  if (!spots.has(name)) spots.set(name, spot);
}

/** `[a.b]` below `[[a]]` means the last element of `a`. */
function resolve(parts: string[], elements: Map<string, number>): (string | number)[] {
  const path: (string | number)[] = [];
  for (const [i, part] of parts.entries()) {
    path.push(part);
    const count = i < parts.length - 1 ? elements.get(JSON.stringify(path)) : undefined;
    if (count !== undefined) path.push(count - 1);
  }
  return path;
}

function readKey(text: string, from: number, close: string): { parts: string[]; end: number } {
  const parts: string[] = [];
  let bare = "";
  let at = from;
  for (; at < text.length && text[at] !== close && text[at] !== "\n"; at++) {
    const c = text[at]!;
    if (c === '"' || c === "'") {
      const end = skipString(text, at);
      bare += unquote(text.slice(at, end));
      at = end - 1;
    } else if (c === ".") {
      parts.push(bare);
      bare = "";
    } else if (!/\s/.test(c)) bare += c;
  }
  parts.push(bare);
  return { parts, end: at + 1 };
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

function skipValue(text: string, from: number): number {
  let depth = 0;
  let end = from;
  let at = from;
  while (at < text.length) {
    const c = text[at]!;
    if (c === "\n" && depth === 0) break;
    if (c === "#") {
      if (depth === 0) break;
      at = endOfLine(text, at);
      continue;
    }
    if (c === '"' || c === "'") at = skipString(text, at);
    else {
      if (c === "[" || c === "{") depth += 1;
      if (c === "]" || c === "}") depth -= 1;
      at += 1;
    }
    if (!/\s/.test(c)) end = at;
  }
  return end;
}

/** The offset after the string that opens at `from`, its quotes of any TOML form. */
function skipString(text: string, from: number): number {
  const quote = text[from]!;
  const long = text.startsWith(quote.repeat(3), from);
  const close = long ? quote.repeat(3) : quote;
  let at = from + close.length;
  while (at < text.length && !text.startsWith(close, at)) at += quote === '"' && text[at] === "\\" ? 2 : 1;
  at += close.length;
  // Up to two more quotes may stand right before the closing three.
  for (let extra = 0; long && extra < 2 && text[at] === quote; extra++) at += 1;
  return Math.min(at, text.length);
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at += 1;
  return at;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (text[at] === "#") at = endOfLine(text, at);
    else if (/[\s\uFEFF]/.test(text[at]!)) at += 1;
    else break;
  }
  return at;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}
