// A manifest as the catalog keeps it: the document that its file could hold, and the scripts of its hooks. It is read
// through the schema like a file, so that a field that a later maand knows has its default in an older catalog.

import { z } from "zod";
import { MaandError } from "../model/error.ts";
import type { DeclaredManifest, Manifest } from "../model/manifest.ts";
import { manifestIn, withoutContext } from "./context.ts";
import { manifestSchema } from "./schema.ts";

export interface StoredManifest {
  /** JSON of the document, every field that has a value written out. */
  manifest: string;
  /** JSON: file name in `_hooks/` by hook name. */
  scripts: string;
}

/** Equal manifests give equal texts. */
export function storeManifest(manifest: Manifest): StoredManifest {
  const { declared, scripts } = withoutContext(manifest);
  return { manifest: JSON.stringify(z.encode(manifestSchema, declared)), scripts: JSON.stringify(scripts) };
}

/**
 * Reads stored manifests by job. Each text is parsed once: jobs made from one pattern often share it.
 * @throws MaandError("catalog") for a document that the schema does not take
 */
export function manifestReader(): (job: string, stored: StoredManifest) => Manifest {
  const read = new Map<string, DeclaredManifest>();
  return (job, stored) => {
    let declared = read.get(stored.manifest);
    if (declared === undefined) {
      declared = parse(job, stored.manifest);
      read.set(stored.manifest, declared);
    }
    const scripts = new Map(Object.entries(JSON.parse(stored.scripts) as Record<string, string>));
    return manifestIn({ job, scripts }, declared);
  };
}

function parse(job: string, text: string): DeclaredManifest {
  const result = manifestSchema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  const why = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n");
  throw new MaandError(
    "catalog",
    `the catalog holds a manifest of job "${job}" that this maand cannot read`,
    {
      where: { job },
      why,
      hint: 'run "maand build" with the maand that wrote it, or restore data/ from a backup',
    },
  );
}
