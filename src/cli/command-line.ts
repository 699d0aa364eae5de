// From arguments to an exit code: global flags, help, the commands, and every usage error in one form.

import { MaandError } from "../model/error.ts";
import type { AnyCommand } from "./declaration.ts";
import { isParent, resolveWords } from "./declaration.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { defaultGlobals, takeGlobals } from "./globals.ts";
import type { Globals } from "./invocation.ts";
import { errorJson, formatError, toMaandError } from "./output/errors.ts";
import { createJsonOutput } from "./output/json.ts";
import { openPatientStream } from "./output/patient-stream.ts";
import { openStream } from "./output/stream.ts";
import { createTerminal, type Terminal } from "./output/terminal.ts";

/** Runs one command line over the commands that there are; returns its exit code. Never throws. */
export async function runCommandLine(
  commands: readonly AnyCommand[],
  argv: readonly string[],
): Promise<number> {
  let globals: Globals;
  let rest: string[];
  try {
    ({ globals, rest } = takeGlobals(argv));
  } catch (thrown) {
    const terminal = terminalFor({ ...defaultGlobals(), json: argv.includes("--json") });
    return usageError(commands, toMaandError(thrown), terminal, argv);
  }
  const terminal = terminalFor(globals);
  const [first = "help", topic] = rest;
  // Help works anywhere, and needs no parser.
  if (first === "help" || helpFlags.has(first)) {
    const { helpText } = await import("./help.ts");
    try {
      terminal.stdout.write(await helpText(commands, first === "help" ? topic : undefined));
      return 0;
    } catch (thrown) {
      return usageError(commands, toMaandError(thrown), terminal, rest);
    }
  }
  const { parseArguments } = await import("./parser.ts");
  const parsed = await parseArguments(commands, rest);
  if (parsed.kind === "call") {
    const { executeCommand } = await import("./runner.ts");
    return executeCommand(parsed.call, rest, globals, terminal);
  }
  const { found, taken } = resolveWords(commands, rest);
  const called = ["maand", ...rest.slice(0, taken)].join(" ");
  if (parsed.kind === "complaint") {
    const error = new MaandError("usage", parsed.complaint, { hint: hintFor(called) });
    return usageError(commands, error, terminal, rest);
  }
  const isAsked = rest.some((argument) => helpFlags.has(argument) || versionFlags.has(argument));
  // A parent without a command prints what there is, but a script that ran it has lost a word.
  const isLost = found === undefined || (isParent(found) && found.standIn === undefined);
  if (isLost && !isAsked) {
    const error = new MaandError("usage", `"${called}" is a group of commands and needs one more word`, {
      hint: hintFor(called),
    });
    return usageError(commands, error, terminal, rest);
  }
  terminal.stdout.write(parsed.text);
  return 0;
}

const helpFlags: ReadonlySet<string> = new Set(["--help", "-h"]);
const versionFlags: ReadonlySet<string> = new Set(["--version", "-v"]);

function hintFor(called: string): string {
  const quoted = /^maand run[_-]command$/.test(called)
    ? 'put the whole shell command in quotes: maand run_command "df -h /"; '
    : "";
  return `${quoted}see "${called} --help"`;
}

function terminalFor(globals: Globals): Terminal {
  return createTerminal({
    stdout: openStream(1),
    stderr: openPatientStream(2),
    json: globals.json,
    quiet: globals.quiet,
    color: globals.color,
    progress: globals.progress,
  });
}

function usageError(
  commands: readonly AnyCommand[],
  error: MaandError,
  terminal: Terminal,
  argv: readonly string[],
): number {
  terminal.stderr.write(formatError(error, terminal.stderr.paint));
  if (terminal.json) {
    const { taken } = resolveWords(commands, argv);
    const words = argv.slice(0, taken);
    const command = words.length > 0 ? words.join(" ") : (argv.find((word) => !word.startsWith("-")) ?? "");
    const document = { ok: false, command, run_id: crypto.randomUUID(), error: errorJson(error) };
    createJsonOutput(terminal.stdout).write(document);
  }
  return exitCodeOf(error.kind);
}
