// From arguments to an exit code: global flags, the command table, help, and every usage error in one form.

import { randomUUID } from "node:crypto";
import { ExitCode, run } from "@stricli/core";
import { application } from "../commands/application.ts";
import { MaandError } from "../model/error.ts";
import type { ParseContext, Parsed } from "./define.ts";
import type { Globals } from "./globals.ts";
import { takeGlobals } from "./globals.ts";
import { errorJson, formatError, toMaandError } from "./output/errors.ts";
import { exitCodeOf } from "./output/exit-codes.ts";
import { createJsonOutput } from "./output/json.ts";
import { openStream } from "./output/stream.ts";
import { createTerminal, type Terminal } from "./output/terminal.ts";
import { executeCommand } from "./runner.ts";

/** Runs one command line; returns its exit code. Never throws. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let globals: Globals = { json: false, quiet: false, color: true, progress: true, lockWaitSeconds: 0 };
  let rest: string[];
  try {
    ({ globals, rest } = takeGlobals(argv));
  } catch (thrown) {
    globals = { ...globals, json: argv.includes("--json") };
    return usageError(toMaandError(thrown), terminalFor(globals), argv);
  }
  const terminal = terminalFor(globals);
  const help = await helpFor(rest, terminal);
  if (help !== undefined) return help;

  let parsed: Parsed | undefined;
  const answers: string[] = [];
  const complaints: string[] = [];
  const context: ParseContext & { process: { exitCode?: number } } = {
    process: {
      stdout: { write: (text: string) => void answers.push(text) },
      stderr: { write: (text: string) => void complaints.push(text) },
    } as ParseContext["process"],
    onParsed: (command) => {
      parsed = command;
    },
  };
  await run(application, rest, context);
  if (parsed !== undefined) {
    return executeCommand({ ...parsed, arguments: rest }, globals, terminal);
  }
  const { words, isGroup } = knownWords(rest);
  const called = ["maand", ...words].join(" ");
  const failed = context.process.exitCode !== undefined && context.process.exitCode !== ExitCode.Success;
  if (failed) {
    const error = new MaandError("usage", complaints.join("").trim().replaceAll("\n", "; "), {
      hint: remedyFor(called),
    });
    return usageError(error, terminal, rest);
  }
  // A group without a command prints what there is, but a script that ran it has lost a word.
  if (isGroup && !rest.some((argument) => helpFlags.has(argument))) {
    const error = new MaandError("usage", `"${called}" is a group of commands and needs one more word`, {
      hint: remedyFor(called),
    });
    return usageError(error, terminal, rest);
  }
  terminal.stdout.write(answers.join(""));
  return 0;
}

const helpFlags: ReadonlySet<string> = new Set(["--help", "-h", "--version", "-v"]);

/** The words at the beginning that are commands or groups of ours, and whether they name a group and no command. */
function knownWords(rest: readonly string[]): { words: string[]; isGroup: boolean } {
  const words: string[] = [];
  let target: typeof application.root = application.root;
  for (const word of rest) {
    const next = "getRoutingTargetForInput" in target ? target.getRoutingTargetForInput(word) : undefined;
    if (next === undefined) break;
    words.push(word);
    target = next;
  }
  const isGroup = "getDefaultCommand" in target && target.getDefaultCommand() === undefined;
  return { words, isGroup };
}

function remedyFor(called: string): string {
  const quoted = /^maand run[_-]command$/.test(called)
    ? 'put the whole shell command in quotes: maand run_command "df -h /"; '
    : "";
  return `${quoted}see "${called} --help"`;
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
  const [first = "help", topic] = rest;
  if (first !== "help" && first !== "--help" && first !== "-h") return undefined;
  const { helpText } = await import("../help/help.ts");
  try {
    terminal.stdout.write(await helpText(first === "help" ? topic : undefined));
    return 0;
  } catch (thrown) {
    return usageError(toMaandError(thrown), terminal, rest);
  }
}

function usageError(error: MaandError, terminal: Terminal, argv: readonly string[]): number {
  terminal.stderr.write(formatError(error, terminal.stderr.paint));
  if (terminal.json) {
    const { words } = knownWords(argv);
    const command = words.length > 0 ? words.join(" ") : (argv.find((word) => !word.startsWith("-")) ?? "");
    const document = { ok: false, command, run_id: randomUUID(), error: errorJson(error) };
    createJsonOutput(terminal.stdout).write(document);
  }
  return exitCodeOf(error.kind);
}
