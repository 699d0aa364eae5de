// How a command is declared: plain data, from which parsing, help, the overview and completion are derived; its code is loaded when it runs.

import type { Access, BucketInvocation, Outcome } from "./invocation.ts";

/** The headings of the overview, in the order in which an operator meets what stands below them. */
export const groups = ["set up", "the main loop", "operate", "look"] as const;
export type Group = (typeof groups)[number];

/** What a value names; completion asks the bucket, or the shell, for names of that kind. */
export type NamedThing =
  | "job"
  | "worker"
  | "label"
  | "hook"
  | "target"
  | "namespace"
  | "key"
  | "run"
  | "file"
  | "directory";

/** A kind of name, or all words that there are. */
export type NamesOf = NamedThing | readonly string[];

interface FlagText {
  /** The help text. */
  brief: string;
  /** The flag in one letter, without its dash. */
  letter?: string;
}

interface ValueFlag extends FlagText {
  /** Stands for the value in help. */
  placeholder?: string;
  of?: NamesOf;
}

/** `list` is one value with commas, `repeat` may be given several times, `number` is a whole one. */
export type Flag =
  | (FlagText & { kind: "boolean" })
  | (ValueFlag & { kind: "text"; required?: true })
  | (ValueFlag & { kind: "list" | "repeat" | "number" });

/** By the name that the code uses: `dryRun` is typed `--dry-run`. */
export type Flags = Readonly<Record<string, Flag>>;

export interface Positional {
  of?: NamesOf;
  optional?: true;
}

/** Arguments by name, in the order in which they are typed; optional ones last. */
export type Positionals = Readonly<Record<string, Positional>>;

type FlagValue<F extends Flag> = F extends { kind: "boolean" }
  ? boolean
  : F extends { kind: "list" | "repeat" }
    ? string[] | undefined
    : F extends { kind: "number" }
      ? number | undefined
      : F extends { required: true }
        ? string
        : string | undefined;

/** What a command is given for its flags. */
export type FlagValues<F extends Flags> = { -readonly [K in keyof F]: FlagValue<F[K]> };

/** What a command is given for its arguments. */
export type ArgumentValues<P extends Positionals> = {
  -readonly [K in keyof P]: P[K] extends { optional: true } ? string | undefined : string;
};

interface CommandText {
  /** All its words, such as `job start`. */
  name: string;
  group: Group;
  brief: string;
  /** More than the brief, when there is more to say. */
  description?: string;
  /** Whole command lines, each with what it does. */
  examples: readonly (readonly [line: string, meaning: string])[];
  /** Other words for the last word of the name. */
  spellings?: readonly string[];
}

export interface CommandDeclaration<F extends Flags, P extends Positionals> extends CommandText {
  flags: F;
  positional?: P;
  access: Access | ((flags: FlagValues<F>) => Access);
  /** Its runs are kept in the catalog's history. */
  recorded?: boolean;
  /** Ctrl-C lets running work finish; without it the command just ends. */
  graceful?: boolean;
  /**
   * Whether it changes something here or on workers, and so goes on to its end when its terminal goes away; one that
   * only looks ends then. By default what writes does.
   */
  acts?: boolean | ((flags: FlagValues<F>) => boolean);
  /** Imports what carries the command out. */
  load(): Promise<
    (invocation: BucketInvocation, flags: FlagValues<F>, args: ArgumentValues<P>) => Promise<Outcome>
  >;
}

/** A command whose arguments are parsed: what the command runner takes. */
export interface CommandCall {
  name: string;
  access: Access;
  recorded: boolean;
  graceful: boolean;
  acts: boolean;
  run(invocation: BucketInvocation): Promise<Outcome>;
}

/** A declared command: its words as data, and how a call is made of parsed arguments. */
export interface Command extends CommandText {
  flags: Flags;
  positional: Positionals;
  call(flags: Record<string, unknown>, args: Record<string, string | undefined>): CommandCall;
}

/** A word that other commands stand behind: `job`, `cat`. */
export interface ParentCommand {
  /** All words before those of its subcommands. */
  name: string;
  brief: string;
  subcommands: readonly (Command | ParentCommand)[];
  /** The subcommand that is meant when no further word follows; it bears the parent's name. */
  standIn?: Command;
}

export type AnyCommand = Command | ParentCommand;

/** Declares one command. Whoever parses hands `call` values of the shapes that the flags and arguments declare. */
export function defineCommand<const F extends Flags, const P extends Positionals = Record<never, never>>(
  declaration: CommandDeclaration<F, P>,
): Command {
  const {
    access,
    acts,
    graceful = false,
    load,
    positional = {},
    recorded = false,
    ...described
  } = declaration;
  return {
    ...described,
    positional,
    call(flags, args) {
      // The types of the values follow from the declaration that they were parsed by.
      const values = flags as FlagValues<F>;
      const accessed = typeof access === "function" ? access(values) : access;
      return {
        name: declaration.name,
        access: accessed,
        recorded,
        graceful,
        acts: (typeof acts === "function" ? acts(values) : acts) ?? accessed === "write",
        run: async (invocation) => (await load())(invocation, values, args as ArgumentValues<P>),
      };
    },
  };
}

/** All commands below `commands` that can be run, in reading order. */
export function runnable(commands: readonly AnyCommand[]): Command[] {
  return commands.flatMap((command) => (isParent(command) ? runnable(command.subcommands) : [command]));
}

/** Whether other commands stand behind the word. */
export function isParent(command: AnyCommand): command is ParentCommand {
  return "subcommands" in command;
}

/** The last word of a command's name: what is typed after the words of its parent. */
export function ownWord({ name }: AnyCommand): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

/** A flag as it is typed: `--dry-run`. */
export function typedFlag(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;
}

/** What `words` name at their beginning, and how many of them do; other spellings count. */
export function resolveWords(
  commands: readonly AnyCommand[],
  words: readonly string[],
): { found: AnyCommand | undefined; taken: number } {
  let found: AnyCommand | undefined;
  let inside = commands;
  let taken = 0;
  for (const word of words) {
    const next = inside.find((command) => answersTo(command, word) && command !== standInOf(found));
    if (next === undefined) break;
    found = next;
    taken += 1;
    inside = isParent(next) ? next.subcommands : [];
  }
  return { found, taken };
}

function answersTo(command: AnyCommand, word: string): boolean {
  return ownWord(command) === word || (!isParent(command) && command.spellings?.includes(word) === true);
}

function standInOf(command: AnyCommand | undefined): Command | undefined {
  return command !== undefined && isParent(command) ? command.standIn : undefined;
}
