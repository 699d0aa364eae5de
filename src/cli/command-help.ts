// What `maand <command> --help` prints, from the command's own declaration.

import { commonFlags } from "../help/commands.ts";
import type { Declaration, Flag } from "./define.ts";

/** What help needs of a declaration. */
export type Described = Pick<
  Declaration<Record<string, Flag>>,
  "name" | "brief" | "description" | "examples" | "flags" | "aliases" | "positional" | "spellings"
>;

/** How the command is called, without its flags: `maand render <job> [path]`. */
function usageLine({ name, positional = [] }: Described): string {
  const places = positional.map((place) => (place.endsWith("?") ? `[${place.slice(0, -1)}]` : `<${place}>`));
  return ["maand", name, ...places].join(" ");
}

/** All there is to say about one command; ends with a newline. */
export function commandHelp(command: Described): string {
  const spellings = (command.spellings ?? []).map((name) => `maand ${name}`);
  const own = Object.entries(command.flags).map(([name, flag]): readonly [string, string] => [
    flagWords(command, name, flag),
    flag.brief,
  ]);
  const common = commonFlags.map(([flag, brief]): readonly [string, string] => [`    ${flag}`, brief]);
  const width = Math.max(...[...own, ...common].map(([left]) => left.length));
  const rows = (pairs: readonly (readonly [string, string])[]): string[] =>
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

/** What a group of commands is for, and its commands; ends with a newline. */
export function groupHelp(name: string, brief: string, commands: readonly Described[]): string {
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
function flagWords({ aliases = {} }: Described, name: string, flag: Flag): string {
  const letter = Object.keys(aliases).find((alias) => aliases[alias] === name);
  const long = `--${name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;
  const value = flag.kind === "boolean" ? "" : ` ${flag.placeholder ?? defaultPlaceholder[flag.kind]}`;
  return `${letter === undefined ? "   " : `-${letter},`} ${long}${value}`;
}

const defaultPlaceholder: Record<Exclude<Flag["kind"], "boolean">, string> = {
  text: "value",
  list: "a,b",
  repeat: "value",
  number: "N",
};
