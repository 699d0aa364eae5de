// From arguments to an exit code: global flags, the command table, help, and every usage error in one form.

import { ExitCode, run } from "@stricli/core";
import { MaandError } from "../model/error.ts";
import type { ParseContext, Parsed } from "./define.ts";
import { runFramed } from "./frame.ts";
import type { Globals } from "./globals.ts";
import { takeGlobals } from "./globals.ts";
import { errorJson, formatError, toMaandError } from "./output/errors.ts";
import { exitCodeOf } from "./output/exit-codes.ts";
import { createJsonOutput } from "./output/json.ts";
import { openStream } from "./output/stream.ts";
import { createTerminal, type Terminal } from "./output/terminal.ts";
import { application } from "./table.ts";

/** Runs one command line; returns its exit code. Never throws. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let globals: Globals = { json: false, quiet: false, color: true, progress: true, lockWaitSeconds: 0 };
  let rest: string[];
  try {
    ({ globals, rest } = takeGlobals(argv));
  } catch (thrown) {
    return usageError(toMaandError(thrown), terminalFor(globals), argv);
  }
  const terminal = terminalFor(globals);
  const help = await helpFor(rest, terminal);
  if (help !== undefined) return help;

  let parsed: Parsed | undefined;
  const complaints: string[] = [];
  const context: ParseContext & { process: { exitCode?: number } } = {
    process: {
      stdout: { write: (text: string) => void terminal.stdout.write(text) },
      stderr: { write: (text: string) => void complaints.push(text) },
    } as ParseContext["process"],
    onParsed: (command) => {
      parsed = command;
    },
  };
  await run(application, rest, context);
  if (parsed !== undefined) {
    return runFramed({ ...parsed, arguments: rest }, globals, terminal);
  }
  if (context.process.exitCode === undefined || context.process.exitCode === ExitCode.Success) return 0;
  const words = rest.filter((argument) => !argument.startsWith("-"));
  const command = words.slice(0, 1).join(" ");
  const known = context.process.exitCode !== ExitCode.UnknownCommand && command !== "";
  const error = new MaandError("usage", complaints.join("").trim().replaceAll("\n", "; "), {
    remedy: `see "maand ${known ? `${command} ` : ""}--help"`,
  });
  return usageError(error, terminal, rest);
}

function terminalFor(globals: Globals): Terminal {
  return createTerminal({
    stdout: openStream(1),
    stderr: openStream(2),
    json: globals.json,
    quiet: globals.quiet,
    color: globals.color,
    progress: globals.progress,
  });
}

/** `maand help [topic]` works anywhere; undefined when this is no call for help. */
async function helpFor(rest: readonly string[], terminal: Terminal): Promise<number | undefined> {
  if (rest.length > 0 && rest[0] !== "help") return undefined;
  const { helpText } = await import("../help/help.ts");
  try {
    terminal.stdout.write(helpText(rest[1]));
    return 0;
  } catch (thrown) {
    return usageError(toMaandError(thrown), terminal, rest);
  }
}

function usageError(error: MaandError, terminal: Terminal, argv: readonly string[]): number {
  terminal.stderr.write(formatError(error, terminal.stderr.paint));
  if (terminal.json) {
    const command = argv.find((argument) => !argument.startsWith("-")) ?? "";
    createJsonOutput(terminal.stdout).write({ ok: false, command, error: errorJson(error) });
  }
  return exitCodeOf(error.kind);
}
