// maand schema <file>: the text, or with --json the schema as a member of the document.

import type { Invocation, Outcome } from "../../cli/invocation.ts";
import { schemaCommand } from "./text.ts";

export async function schemaFileCommand(
  { terminal }: Invocation,
  _flags: Record<never, never>,
  { file }: { file: string },
): Promise<Outcome> {
  const text = schemaCommand(file);
  return terminal.json ? { json: { schema: JSON.parse(text) as unknown } } : { text };
}
