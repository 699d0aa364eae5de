// Runs a TypeScript or JavaScript hook in this realm: the "maand" module, the import, the default export.

import * as sdk from "../sdk/maand.ts";

/**
 * Imports the script and, if its default export is a function, calls and awaits it. Whatever the script throws is
 * thrown. Bun inside the executable reads TypeScript, so no other runtime is needed on the host.
 */
export async function runHookScript(file: string): Promise<void> {
  // Bare `import "maand"` has no file behind it; "./maand" is a file beside the hook that re-exports this one.
  Bun.plugin({
    name: "maand",
    setup(build) {
      build.module("maand", () => ({ loader: "object", exports: { ...sdk } }));
    },
  });
  process.argv = [process.execPath, file];
  const loaded = (await import(file)) as { default?: unknown };
  if (typeof loaded.default === "function") await loaded.default();
}

/** A frame that is not of the user's code: our own files inside the executable, and the runtime's. */
const foreignFrame =
  /^\s+at .*(?:\/\$bunfs\/|\/src\/hooks\/runtime\/|\(node:|\bnode:internal|\bunknown$|\(native)/;

/** What was thrown, with its stack and causes, as far as it is about the user's code. */
export function describeThrown(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return [thrown.message, ...thrown.errors.map(describeThrown)].filter((text) => text !== "").join("\n");
  }
  const position = positionOf(thrown);
  if (position !== undefined) return position;
  if (!(thrown instanceof Error))
    return `thrown: ${typeof thrown === "string" ? thrown : Bun.inspect(thrown)}`;
  const stack = (thrown.stack ?? String(thrown)).split("\n").filter((line) => !foreignFrame.test(line));
  const cause = thrown.cause === undefined ? [] : [`caused by ${describeThrown(thrown.cause)}`];
  return [...stack, ...cause].join("\n");
}

/** What the parser says of a script that it cannot read: it has a place but no stack. */
function positionOf(thrown: unknown): string | undefined {
  const { message, position } = thrown as { message?: unknown; position?: Record<string, unknown> | null };
  if (typeof message !== "string" || position === undefined || position === null) return undefined;
  const { file, line, column, lineText } = position;
  if (typeof file !== "string" || typeof line !== "number") return undefined;
  const shown = typeof lineText === "string" && lineText !== "" ? `\n    ${lineText.trim()}` : "";
  return `${message}\n    at ${file}:${line}:${String(column)}${shown}`;
}
