// What each path inside a job directory is: an input of the build, a template, or content for workers.

/** Directories at the top of a job that live on the worker and never in the workspace. */
export const runtimeDirectories = ["data", "logs", "bin"] as const;

/** Names that are tools of the host wherever they stand in a job; they are never indexed. */
export const unindexedNames: ReadonlySet<string> = new Set([
  ".venv",
  "venv",
  "node_modules",
  "__pycache__",
  ".git",
]);

const hostOnlyDirectories = ["_hooks", "_prometheus"] as const;
const inputFiles: readonly string[] = ["manifest.json", "vars.conf"];
const templateSuffixes = [".tpl", ".eta"] as const;

/** The first segment of a path relative to the job directory. */
function topOf(path: string): string {
  const slash = path.indexOf("/");
  return slash === -1 ? path : path.slice(0, slash);
}

/** Whether the path lies in `_hooks/` or `_prometheus/`: stored in the catalog, never synced. */
export function isHostOnly(path: string): boolean {
  return path.startsWith("_") && hostOnlyDirectories.some((directory) => topOf(path) === directory);
}

/** Whether a file of this path is rendered. Files of `_hooks/` and `_prometheus/` are taken as they are. */
export function isTemplate(path: string): boolean {
  return !isHostOnly(path) && suffixOf(path) !== undefined;
}

/** The path on the worker: a template loses its suffix, everything else keeps its path. */
export function outputPath(path: string): string {
  if (!isTemplate(path)) return path;
  return path.slice(0, -suffixOf(path)!.length);
}

/** Files that the build reads and that are not content: `manifest.json`, `vars.conf`, template sources. */
export function isInput(path: string): boolean {
  return inputFiles.includes(path) || isTemplate(path);
}

/** Whether the entry goes to workers as it is. Templates do not: their output (`outputPath`) goes instead. */
export function isSynced(path: string): boolean {
  return !isHostOnly(path) && !isInput(path) && !runtimeDirectories.some((name) => topOf(path) === name);
}

function suffixOf(path: string): string | undefined {
  const suffix = templateSuffixes.find((candidate) => path.endsWith(candidate));
  // A file that is called `.tpl` and nothing else would have no name left.
  return suffix === undefined || path.at(-suffix.length - 1) === "/" || path === suffix ? undefined : suffix;
}
