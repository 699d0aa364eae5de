// manifest.json → Manifest: checked against its schema and the rules between fields, with what the job adds to it.

import { manifestIn } from "../manifest/context.ts";
import { manifestSchema, renamedManifestFields } from "../manifest/schema.ts";
import { type Checked, checked } from "../model/diagnostic.ts";
import type { Manifest } from "../model/manifest.ts";
import { checkAgainst } from "./issues.ts";
import type { JsonDocument } from "./json.ts";
import { checkManifestRules } from "./manifest-rules.ts";

/**
 * @param job name of the job directory: the default selector
 * @param scripts file name in `_hooks/` by hook name; of a hook without one the directory check tells
 */
export function checkManifest(
  document: JsonDocument,
  job: string,
  scripts: ReadonlyMap<string, string>,
): Checked<Manifest> {
  const read = checkAgainst(manifestSchema, document, renamedManifestFields);
  const between = checkManifestRules(document);
  if (!read.ok) return { ok: false, diagnostics: [...read.diagnostics, ...between] };
  return checked(manifestIn({ job, scripts }, read.value), between);
}
