// Builds a workspace source in memory, so that the pure checks are tested without a disk.

import { createHash } from "node:crypto";
import { type CheckedWorkspace, checkWorkspace } from "../../../src/workspace/check.ts";
import type { WorkspaceSource } from "../../../src/workspace/source.ts";
import type { JobFile } from "../../../src/workspace/types.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

export function file(path: string, text = "", mode = 0o644): JobFile {
  const content = bytes(text);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { kind: "file", path, mode, sha256, content };
}

/** Files right below `workspace/` by name, and jobs with their entries (`Makefile` and `{}` when left out). */
export function source(
  files: Record<string, string>,
  jobs: Record<string, readonly JobFile[]> = {},
  jobConfigSelector = "",
): WorkspaceSource {
  return {
    jobConfigSelector,
    files: new Map(Object.entries(files).map(([name, text]) => [name, bytes(text)])),
    jobs: Object.entries(jobs).map(([name, entries]) => ({ name, files: [...entries] })),
    diagnostics: [],
  };
}

/** A workspace with one job `api` that has this manifest, a Makefile and these further files. */
export function withManifest(manifest: unknown, files: readonly JobFile[] = []): CheckedWorkspace {
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  return checkWorkspace(source({}, { api: [file("Makefile"), file("manifest.json", text), ...files] }));
}
