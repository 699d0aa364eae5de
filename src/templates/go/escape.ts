// html, js and urlquery: text made safe for a place where some characters have a meaning.

import { isPrintable } from "./format/quote.ts";
import { encodeText, runeOf } from "./text.ts";

const htmlEntities: Record<string, string> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

/** Text for HTML, attribute values included. */
export function escapeHtml(text: string): string {
  return text.replace(/[\0"'&<>]/g, (character) => htmlEntities[character]!);
}

/** Text for a JavaScript string, also inside HTML. */
export function escapeJs(text: string): string {
  let out = "";
  for (const character of text) {
    const rune = runeOf(character);
    if (character === "\\" || character === "'" || character === '"') out += `\\${character}`;
    else if ("<>&=".includes(character) || rune < 0x20 || (rune >= 0x80 && !isPrintable(rune))) {
      out += `\\u${rune.toString(16).toUpperCase().padStart(4, "0")}`;
    } else out += character;
  }
  return out;
}

/** Text for a key or value of a URL query; a space becomes `+`. */
export function escapeQuery(text: string): string {
  let out = "";
  for (const byte of encodeText(text)) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9_.~-]/.test(character)) out += character;
    else if (byte === 0x20) out += "+";
    else out += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}
