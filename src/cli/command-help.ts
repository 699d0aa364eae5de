// What `maand <command> --help` prints, from the command's own declaration.

import type { AnyCommand, Command, Flag, ParentCommand } from "./declaration.ts";
import { isParent, ownWord, runnable, typedFlag } from "./declaration.ts";
import { globalFlags } from "./globals.ts";

/** Two columns of a help text. */
export type HelpRow = readonly [left: string, right: string];

/** How a command is called, without its flags: `maand render <job> [path]`. */
export function usageLine({ name, positional }: Command): string {
  const places = Object.entries(positional).map(([place, { optional }]) =>
    optional === true ? `[${place}]` : `<${place}>`,
  );
  return ["maand", name, ...places].join(" ");
}

/** The flags of every command, as they are typed. */
export function globalFlagRows(): HelpRow[] {
  return globalFlags.map(({ brief, flag, placeholder }) => [
    placeholder === undefined ? flag : `${flag} ${placeholder}`,
    brief,
  ]);
}

/** What `--help` prints after the words of a command; ends with a newline. */
export function helpOf(command: AnyCommand): string {
  if (!isParent(command)) return commandHelp(command);
  const inside = parentHelp(command);
  return command.standIn === undefined ? inside : `${commandHelp(command.standIn)}\n${inside}`;
}

function commandHelp(command: Command): string {
  const parents = command.name.slice(0, -ownWord(command).length);
  const spellings = (command.spellings ?? []).map((word) => `maand ${parents}${word}`);
  const own = Object.entries(command.flags).map(
    ([name, flag]): HelpRow => [flagWords(name, flag), flag.brief],
  );
  const common = globalFlagRows().map(([flag, brief]): HelpRow => [`    ${flag}`, brief]);
  const width = Math.max(...[...own, ...common].map(([left]) => left.length));
  const rows = (pairs: readonly HelpRow[]): string[] =>
    pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  return [
    `maand ${command.name}: ${command.brief}`,
    "",
    "USAGE",
    `  ${usageLine(command)} [flags]`,
    ...(spellings.length === 0 ? [] : [`  also spelled ${spellings.join(", ")}`]),
    ...(command.description === undefined ? [] : ["", command.description]),
    "",
    "EXAMPLES",
    ...command.examples.flatMap(([line, meaning]) => [`  ${line}`, `      ${meaning}`]),
    ...(own.length === 0 ? [] : ["", "FLAGS", ...rows(own)]),
    "",
    "FLAGS OF EVERY COMMAND",
    ...rows(common),
    "",
  ].join("\n");
}

function parentHelp({ brief, name, subcommands }: ParentCommand): string {
  const commands = runnable(subcommands);
  const width = Math.max(...commands.map((command) => usageLine(command).length));
  return [
    `maand ${name}: ${brief}`,
    "",
    "COMMANDS",
    ...commands.map((command) => `  ${usageLine(command).padEnd(width)}  ${command.brief}`),
    "",
    `Flags and examples of each: maand ${name} <command> --help`,
    "",
  ].join("\n");
}

/** `-n, --dry-run`, `    --jobs a,b`: as it is typed. */
function flagWords(name: string, flag: Flag): string {
  const value = flag.kind === "boolean" ? "" : ` ${flag.placeholder ?? defaultPlaceholder[flag.kind]}`;
  return `${flag.letter === undefined ? "   " : `-${flag.letter},`} ${typedFlag(name)}${value}`;
}

const defaultPlaceholder: Record<Exclude<Flag["kind"], "boolean">, string> = {
  text: "value",
  list: "a,b",
  repeat: "value",
  number: "N",
};
