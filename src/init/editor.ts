// Editor help: which JSON Schema belongs to which file of the workspace, as VS Code and its relatives read it.

import { applyEdits, modify, type ParseError, parse } from "jsonc-parser";

export const editorSettingsPath = ".vscode/settings.json";

/** Where init puts the schema of that name, relative to the bucket root. */
export const schemaPath = (name: string): string => `workspace/.schema/${name}.json`;

const associations = [
  { fileMatch: ["/workspace/workers.json"], url: `./${schemaPath("workers")}` },
  { fileMatch: ["/workspace/disabled.json"], url: `./${schemaPath("disabled")}` },
  { fileMatch: ["/workspace/jobs/*/manifest.json"], url: `./${schemaPath("manifest")}` },
] as const;

/**
 * The settings with every schema of maand under `json.schemas`, comments and other settings as they were; undefined
 * when nothing is missing, or when the file is not one that can be added to without harm.
 */
export function withSchemas(existing: string | undefined): string | undefined {
  let text = existing === undefined || existing.trim() === "" ? "{}\n" : existing;
  const errors: ParseError[] = [];
  const settings: unknown = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || !isRecord(settings)) return undefined;
  // Asked for as its own member: the parser lets a member called __proto__ lend its members to the object.
  const isListed = Object.hasOwn(settings, "json.schemas");
  const listed = isListed ? settings["json.schemas"] : [];
  if (!Array.isArray(listed)) return undefined;
  const urls = new Set(listed.map((entry: unknown) => (isRecord(entry) ? entry.url : undefined)));
  const missing = associations.filter(({ url }) => !urls.has(url));
  if (missing.length === 0) return undefined;
  const formattingOptions = { insertSpaces: true, tabSize: 2, eol: "\n" };
  if (!isListed) return applyEdits(text, modify(text, ["json.schemas"], missing, { formattingOptions }));
  for (const [i, association] of missing.entries()) {
    const path = ["json.schemas", listed.length + i];
    text = applyEdits(text, modify(text, path, association, { formattingOptions, isArrayInsertion: true }));
  }
  return text;
}

/** Marks a schema file as ours, so that a newer maand may write it anew. */
const mark = "written by maand init, which keeps it up to date; do not edit";

/** Text of a schema file; undefined when the one that is there is the same, or not ours. */
export function schemaFile(
  schema: Record<string, unknown>,
  existing: string | undefined,
): string | undefined {
  const text = `${JSON.stringify({ $comment: mark, ...schema }, null, 2)}\n`;
  if (existing === undefined) return text;
  if (existing === text) return undefined;
  const found: unknown = parse(existing);
  return isRecord(found) && found.$comment === mark ? text : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
