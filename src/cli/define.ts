// How a command is declared: its words, flags, examples and how it uses the bucket; its code is loaded when it runs.

import { buildCommand, buildRouteMap, type Command, type CommandContext, type RouteMap } from "@stricli/core";
import { commandHelp, type Described, groupHelp } from "./command-help.ts";
import type { Access, BucketInvocation, Outcome } from "./invocation.ts";

/** What the command line hands to the frame once arguments are parsed. */
export interface Parsed {
  name: string;
  access: Access;
  recorded: boolean;
  graceful: boolean;
  run(invocation: BucketInvocation): Promise<Outcome>;
}

/** The context in which stricli calls a command: parsing only notes what is to be run. */
export interface ParseContext extends CommandContext {
  onParsed(parsed: Parsed): void;
}

/** Flag kinds that our commands use; `brief` is the help text. */
export type Flag =
  | { kind: "boolean"; brief: string }
  | { kind: "text"; brief: string; placeholder?: string; required?: true }
  | { kind: "list"; brief: string; placeholder?: string }
  | { kind: "repeat"; brief: string; placeholder?: string }
  | { kind: "number"; brief: string; placeholder?: string };

type FlagValue<F extends Flag> = F extends { kind: "boolean" }
  ? boolean
  : F extends { kind: "list" | "repeat" }
    ? string[] | undefined
    : F extends { kind: "number" }
      ? number | undefined
      : F extends { required: true }
        ? string
        : string | undefined;

export type FlagValues<S extends Record<string, Flag>> = { [K in keyof S]: FlagValue<S[K]> };

export interface Declaration<S extends Record<string, Flag>> {
  name: string;
  brief: string;
  /** More than the brief, when there is more to say. */
  description?: string;
  /** Whole command lines, each with what it does. */
  examples: readonly [string, string][];
  flags: S;
  aliases?: Record<string, keyof S & string>;
  /** Names of the arguments; one that ends in `?` may be left out. */
  positional?: readonly string[];
  /** Other names that the command goes by; the group that holds it maps them. */
  spellings?: readonly string[];
  access: Access | ((flags: FlagValues<S>) => Access);
  recorded?: boolean;
  graceful?: boolean;
  load(): Promise<(invocation: BucketInvocation, flags: FlagValues<S>, args: string[]) => Promise<Outcome>>;
}

/** Turns a declaration into a stricli command. */
export function defineCommand<const S extends Record<string, Flag>>(
  declaration: Declaration<S>,
): Command<ParseContext> {
  const { access, positional = [] } = declaration;
  const flags: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(declaration.flags)) flags[name] = stricliFlag(flag);
  const run = async function (
    this: ParseContext,
    values: Record<string, unknown>,
    ...args: (string | undefined)[]
  ) {
    const parsed = values as FlagValues<S>;
    this.onParsed({
      name: declaration.name,
      access: typeof access === "function" ? access(parsed) : access,
      recorded: declaration.recorded ?? false,
      graceful: declaration.graceful ?? false,
      run: async (invocation) =>
        (await declaration.load())(
          invocation,
          parsed,
          args.filter((argument) => argument !== undefined),
        ),
    });
  };
  // stricli's types tie flags to a literal function type; ours come from a table, so they meet here once.
  const command = buildCommand({
    loader: async () => run as never,
    parameters: {
      flags: flags as never,
      ...(declaration.aliases === undefined ? {} : { aliases: declaration.aliases as never }),
      positional: {
        kind: "tuple",
        parameters: positional.map((name) => ({
          brief: "",
          parse: String,
          placeholder: name.replace(/\?$/, ""),
          ...(name.endsWith("?") ? { optional: true } : {}),
        })),
      } as never,
    },
    docs: { brief: declaration.brief },
  }) as unknown as Command<ParseContext>;
  const described = declaration as unknown as Described;
  const helpful = { ...command, formatHelp: () => commandHelp(described) };
  descriptions.set(helpful, described);
  return helpful;
}

/** Declarations of the commands in the table, for the help of the groups that hold them. */
const descriptions = new WeakMap<object, Described>();

type Target = Command<ParseContext> | RouteMap<ParseContext>;

export interface GroupDeclaration {
  /** Words before those of its commands; "" for the root. */
  name: string;
  brief: string;
  routes: Record<string, Target>;
  /** The route that is meant when no further word follows. */
  defaultCommand?: string;
  /** Other words for a route, by word. */
  aliases?: Record<string, string>;
}

/** A group of commands under one word, with help of its own. */
export function defineGroup(group: GroupDeclaration): RouteMap<ParseContext> {
  const { name, brief, routes, aliases, defaultCommand } = group;
  const map = buildRouteMap<string, ParseContext>({
    routes,
    ...(aliases === undefined ? {} : { aliases: aliases as never }),
    ...(defaultCommand === undefined ? {} : { defaultCommand: defaultCommand as never }),
    docs: { brief },
  });
  const formatHelp = (): string => {
    const inside = Object.values(routes).flatMap(commandsOf);
    const standIn = defaultCommand === undefined ? undefined : descriptions.get(routes[defaultCommand]!);
    if (standIn === undefined) return groupHelp(name, brief, inside);
    return `${commandHelp(standIn)}\n${groupHelp(name, brief, inside)}`;
  };
  return { ...map, formatHelp };
}

function commandsOf(target: Target): Described[] {
  const own = descriptions.get(target);
  if (own !== undefined) return [own];
  if (!("getAllEntries" in target)) return [];
  return target.getAllEntries().flatMap((entry) => commandsOf(entry.target));
}

function stricliFlag(flag: Flag): unknown {
  const { brief } = flag;
  switch (flag.kind) {
    case "boolean":
      return { kind: "boolean", brief, default: false, withNegated: false };
    case "text":
      return {
        kind: "parsed",
        brief,
        parse: String,
        placeholder: flag.placeholder ?? "value",
        optional: flag.required !== true,
      };
    case "list":
      return {
        kind: "parsed",
        brief,
        parse: splitList,
        placeholder: flag.placeholder ?? "a,b",
        optional: true,
      };
    case "repeat":
      return {
        kind: "parsed",
        brief,
        parse: String,
        placeholder: flag.placeholder ?? "value",
        variadic: true,
        optional: true,
      };
    case "number":
      return {
        kind: "parsed",
        brief,
        parse: wholeNumber,
        placeholder: flag.placeholder ?? "N",
        optional: true,
      };
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
