// The manifest of a test, as the catalog holds it.

import { manifestIn } from "../../../src/manifest/context.ts";
import { manifestSchema } from "../../../src/manifest/schema.ts";
import type { Manifest } from "../../../src/model/manifest.ts";

/** A manifest that leaves everything at its default but the version, and is on every worker. */
export function manifest(overrides: Partial<Manifest> = {}): Manifest {
  const declared = manifestSchema.parse({ version: "1.0.0", selectors: ["worker"] });
  return { ...manifestIn({ job: "", scripts: new Map() }, declared), ...overrides };
}
