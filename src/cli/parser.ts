// Arguments → the call of a command: the declarations as stricli reads them.

import {
  type Application,
  buildApplication,
  buildCommand,
  buildRouteMap,
  type CommandContext,
  ExitCode,
  run,
  type Command as StricliCommand,
  type RouteMap as StricliRouteMap,
} from "@stricli/core";
import { assertNever } from "../model/result.ts";
import { version } from "../version.ts";
import { helpOf } from "./command-help.ts";
import type { AnyCommand, Command, CommandCall, Flag, ParentCommand } from "./declaration.ts";
import { isParent, ownWord } from "./declaration.ts";
import { usageText } from "./usage-text.ts";

export type ParseResult =
  /** The command that is to be run. */
  | { kind: "call"; call: CommandCall }
  /** Help, or what stands behind a word that needs another one: nothing is to be run. */
  | { kind: "text"; text: string }
  /** What is wrong with the arguments, in one line. */
  | { kind: "complaint"; complaint: string };

/** Parsing only notes what is to be run. */
interface ParseContext extends CommandContext {
  onCall(call: CommandCall): void;
}

type Target = StricliCommand<ParseContext> | StricliRouteMap<ParseContext>;

/** What the arguments mean, global flags taken out. Nothing is run, and nothing of a command is loaded. */
export async function parseArguments(
  commands: readonly AnyCommand[],
  argv: readonly string[],
): Promise<ParseResult> {
  let call: CommandCall | undefined;
  const texts: string[] = [];
  const complaints: string[] = [];
  const context: ParseContext & { process: { exitCode?: number } } = {
    process: {
      stdout: { write: (text: string) => void texts.push(text) },
      stderr: { write: (text: string) => void complaints.push(text) },
    } as ParseContext["process"],
    onCall: (parsed) => {
      call = parsed;
    },
  };
  await run(applicationOf(commands), argv, context);
  if (call !== undefined) return { kind: "call", call };
  const { exitCode } = context.process;
  if (exitCode !== undefined && exitCode !== ExitCode.Success)
    return { kind: "complaint", complaint: complaints.join("").trim().replaceAll("\n", "; ") };
  return { kind: "text", text: texts.join("") };
}

function applicationOf(commands: readonly AnyCommand[]): Application<ParseContext> {
  return buildApplication<ParseContext>(routesOf({ name: "", brief: "", subcommands: commands }), {
    name: "maand",
    versionInfo: { currentVersion: version },
    localization: { text: usageText },
    scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
    documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
  });
}

/** A stand-in needs a word of its own here; it may be typed, and need not be. */
const standInWord = "list";

function routesOf(parent: ParentCommand): StricliRouteMap<ParseContext> {
  const { brief, standIn, subcommands } = parent;
  const routes: Record<string, Target> = {};
  const aliases: Record<string, string> = {};
  for (const command of subcommands) {
    const word = command === standIn ? standInWord : ownWord(command);
    routes[word] = isParent(command) ? routesOf(command) : commandOf(command);
    if (!isParent(command)) for (const spelling of command.spellings ?? []) aliases[spelling] = word;
  }
  const map = buildRouteMap<string, ParseContext>({
    routes,
    aliases: aliases as never,
    ...(standIn === undefined ? {} : { defaultCommand: standInWord as never }),
    docs: { brief },
  });
  return { ...map, formatHelp: () => helpOf(parent) };
}

function commandOf(command: Command): StricliCommand<ParseContext> {
  const flags = Object.entries(command.flags);
  const positional = Object.entries(command.positional);
  const note = function (
    this: ParseContext,
    values: Record<string, unknown>,
    ...args: (string | undefined)[]
  ) {
    const named = Object.fromEntries(positional.map(([name], index) => [name, args[index]]));
    this.onCall(command.call(values, named));
  };
  const aliases = flags.flatMap(([name, { letter }]) => (letter === undefined ? [] : [[letter, name]]));
  // stricli's types tie flags to a literal function type; ours come from a declaration, so they meet here once.
  const built = buildCommand({
    loader: async () => note as never,
    parameters: {
      flags: Object.fromEntries(flags.map(([name, flag]) => [name, stricliFlag(flag)])) as never,
      aliases: Object.fromEntries(aliases) as never,
      positional: {
        kind: "tuple",
        parameters: positional.map(([placeholder, { optional }]) => ({
          brief: "",
          parse: String,
          placeholder,
          ...(optional === true ? { optional } : {}),
        })),
      } as never,
    },
    docs: { brief: command.brief },
  }) as unknown as StricliCommand<ParseContext>;
  return { ...built, formatHelp: () => helpOf(command) };
}

function stricliFlag(flag: Flag): unknown {
  const { brief } = flag;
  switch (flag.kind) {
    case "boolean":
      return { kind: "boolean", brief, default: false, withNegated: false };
    case "text":
      return { kind: "parsed", brief, parse: String, optional: flag.required !== true };
    case "list":
      return { kind: "parsed", brief, parse: splitList, optional: true };
    case "repeat":
      return { kind: "parsed", brief, parse: String, variadic: true, optional: true };
    case "number":
      return { kind: "parsed", brief, parse: wholeNumber, optional: true };
    default:
      return assertNever(flag, "kind of flag");
  }
}

function splitList(text: string): string[] {
  const items = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items.length === 0) throw new Error("name at least one, separated by commas");
  return items;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error("not a whole number");
  return Number(text);
}
