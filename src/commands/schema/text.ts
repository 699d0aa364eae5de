// maand schema: the JSON Schema of one of the user's files, for editors.

import { MaandError } from "../../model/error.ts";
import { suggestName } from "../../support/nearest.ts";
import { jsonSchema, schemaNames } from "../../workspace/schema.ts";

/**
 * Text of the JSON Schema called `name` (manifest, workers or disabled), ending with a newline.
 * @throws MaandError "usage" for any other name
 */
export function schemaCommand(name: string): string {
  const known = schemaNames.find((candidate) => candidate === name);
  if (known === undefined)
    throw new MaandError("usage", `there is no schema ${JSON.stringify(name)}`, {
      hint: suggestName(name, schemaNames),
    });
  return `${JSON.stringify(jsonSchema(known), null, 2)}\n`;
}
