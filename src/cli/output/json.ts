// `--json`: exactly one document on standard output.

import { safeJson } from "../../events/visible.ts";
import type { Channel } from "./terminal.ts";

export interface JsonOutput {
  /** Whether the document is out already. */
  readonly written: boolean;
  /**
   * Writes the document, indented by two spaces, with a final newline. Secrets come out as `***`. A second
   * document is a fault in maand and throws: whoever reports a failure asks `written` first.
   */
  write(document: Readonly<Record<string, unknown>>): void;
}

/** The one document of this run, for `channel` (standard output). */
export function createJsonOutput(channel: Channel): JsonOutput {
  let written = false;
  return {
    get written() {
      return written;
    },
    write(document) {
      if (written) throw new Error("a second JSON document was about to be written");
      const text = `${safeJson(document, 2)}\n`;
      written = true;
      channel.write(text);
    },
  };
}
