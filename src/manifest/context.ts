// What a manifest means beyond its own text: the job that it belongs to and the scripts that lie beside it.

import type { DeclaredManifest, Manifest } from "../model/manifest.ts";

export interface ManifestContext {
  /** The default selector. */
  job: string;
  /** File name in `_hooks/` by hook name. */
  scripts: ReadonlyMap<string, string>;
}

/** The manifest of a job; a hook without a script has the file name "". */
export function manifestIn({ job, scripts }: ManifestContext, declared: DeclaredManifest): Manifest {
  const { selectors } = declared;
  return {
    ...declared,
    selectors: selectors === undefined || selectors.length === 0 ? [job] : selectors,
    hooks: declared.hooks.map((hook) => ({ ...hook, file: scripts.get(hook.name) ?? "" })),
  };
}

/** What the manifest says without its context, and the scripts of its hooks. */
export function withoutContext({ hooks, ...rest }: Manifest): {
  declared: DeclaredManifest;
  scripts: Record<string, string>;
} {
  const declared = { ...rest, hooks: hooks.map(({ file: _, ...hook }) => hook) };
  return { declared, scripts: Object.fromEntries(hooks.map(({ name, file }) => [name, file])) };
}
