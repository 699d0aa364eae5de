// maand schema <file>: the JSON Schema of one of the user's files, for editors; with --json as a member of the document.

import type { Invocation, Outcome } from "../../cli/invocation.ts";
import { MaandError } from "../../model/error.ts";
import { suggestName } from "../../support/nearest.ts";
import { jsonSchema, schemaNames } from "../../workspace/schema.ts";

export async function schemaCommand(
  { terminal }: Invocation,
  _flags: Record<never, never>,
  { file }: { file: string },
): Promise<Outcome> {
  const text = schemaText(file);
  return terminal.json ? { json: { schema: JSON.parse(text) as unknown } } : { text };
}

/**
 * Text of the JSON Schema called `name` (manifest, workers or disabled), ending with a newline.
 * @throws MaandError "usage" for any other name
 */
export function schemaText(name: string): string {
  const known = schemaNames.find((candidate) => candidate === name);
  if (known === undefined)
    throw new MaandError("usage", `there is no schema ${JSON.stringify(name)}`, {
      hint: suggestName(name, schemaNames),
    });
  return `${JSON.stringify(jsonSchema(known), null, 2)}\n`;
}
