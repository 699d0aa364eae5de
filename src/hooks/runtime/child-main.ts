// `maand __hook <file>`: a hook with "isolation": "process", alone in a maand of its own.

import { describeThrown, runHookScript } from "./load.ts";

/** `argv` begins after `__hook`. Resolves only to fail: a hook that works ends when nothing is left to do in it. */
export async function hookMain(argv: readonly string[]): Promise<number> {
  const [file] = argv;
  if (file === undefined || (process.env.HOOK_API_TOKEN ?? "") === "") {
    process.stderr.write("maand __hook runs one hook and is started by maand itself\n");
    return 2;
  }
  const fail = (thrown: unknown): never => {
    process.stderr.write(`${describeThrown(thrown)}\n`);
    process.exit(1);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  try {
    await runHookScript(file);
  } catch (thrown) {
    fail(thrown);
  }
  return new Promise(() => {});
}
