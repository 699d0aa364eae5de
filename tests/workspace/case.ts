// Reads a test case file: a workspace and what is said about it, in one text that can be reviewed as a whole.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Case {
  /** `job_config_selector`. */
  selector: string;
  entries: CaseEntry[];
  /** Lines after `=== errors` and `=== warnings`. */
  errors: string[];
  warnings: string[];
}

type CaseEntry =
  | { kind: "file"; path: string; text: string }
  | { kind: "dir"; path: string }
  | { kind: "link"; path: string; target: string };

/**
 * Sections begin with `--- <path>`, `--- dir <path>`, `--- link <path> -> <target>`, `--- selector <text>`,
 * `=== errors` or `=== warnings`; what stands before the first is a remark. A file's text is its section without
 * the last line end; `\r` and `\x00` written out in it stand for those characters.
 */
export function readCase(file: string): Case {
  const read: Case = { selector: "", entries: [], errors: [], warnings: [] };
  const sections = readFileSync(file, "utf8").split(/^(?=(?:---|===) )/m);
  for (const section of sections.slice(1)) {
    const end = section.indexOf("\n");
    const head = section.slice(0, end);
    const body = section.slice(end + 1);
    if (head === "=== errors") read.errors = body.trim().split("\n").filter(Boolean);
    else if (head === "=== warnings") read.warnings = body.trim().split("\n").filter(Boolean);
    else if (head.startsWith("--- selector ")) read.selector = head.slice("--- selector ".length);
    else if (head.startsWith("--- dir ")) read.entries.push({ kind: "dir", path: head.slice(8) });
    else if (head.startsWith("--- link ")) {
      const [path = "", target = ""] = head.slice(9).split(" -> ");
      read.entries.push({ kind: "link", path, target });
    } else {
      const text = body.replace(/\n$/, "").replaceAll("\\r", "\r").replaceAll("\\x00", "\0");
      read.entries.push({ kind: "file", path: head.slice(4), text });
    }
  }
  return read;
}

/**
 * What is expected of a case; with `UPDATE_GOLDEN=1` in the environment it is first written anew from what was said,
 * and the difference is there to be reviewed.
 */
export function expectedOf(
  file: string,
  said: Pick<Case, "errors" | "warnings">,
): Pick<Case, "errors" | "warnings"> {
  if (process.env.UPDATE_GOLDEN === "1") {
    const [workspace] = readFileSync(file, "utf8").split(/^(?==== )/m);
    const section = (name: "errors" | "warnings") =>
      [`=== ${name}`, ...said[name]].map((line) => `${line}\n`).join("");
    writeFileSync(file, `${workspace}${section("errors")}${section("warnings")}`);
  }
  return readCase(file);
}

/** Lays the workspace of a case down below `root`. */
export function writeCase(root: string, entries: readonly CaseEntry[]): void {
  mkdirSync(join(root, "workspace"), { recursive: true });
  for (const entry of entries) {
    const full = join(root, entry.path);
    mkdirSync(dirname(full), { recursive: true });
    if (entry.kind === "dir") mkdirSync(full, { recursive: true });
    else if (entry.kind === "link") symlinkSync(entry.target, full);
    else writeFileSync(full, entry.text);
  }
}
