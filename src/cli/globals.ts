// The flags that every command takes, wherever they stand on the command line: one list, for parsing and for help.

import { MaandError } from "../model/error.ts";
import type { NamesOf } from "./declaration.ts";
import type { Globals } from "./invocation.ts";

interface GlobalText {
  /** As it is typed. */
  flag: `--${string}`;
  brief: string;
}

export type GlobalFlag = GlobalText &
  (
    | { placeholder?: undefined; set(globals: Globals): void }
    | { placeholder: string; of?: NamesOf; set(globals: Globals, value: string): void }
  );

/** In the order of the help texts. */
export const globalFlags: readonly GlobalFlag[] = [
  {
    flag: "--bucket",
    placeholder: "DIR",
    of: "directory",
    brief: "the bucket to work on (default: BUCKET_ROOT, else the nearest one upwards)",
    set(globals, value) {
      globals.bucket = value;
    },
  },
  {
    flag: "--json",
    brief: "print one JSON document on standard output",
    set(globals) {
      globals.json = true;
    },
  },
  {
    flag: "--quiet",
    brief: "no progress, only results, warnings and errors",
    set(globals) {
      globals.quiet = true;
    },
  },
  {
    flag: "--no-color",
    brief: "no colours (also NO_COLOR)",
    set(globals) {
      globals.color = false;
    },
  },
  {
    flag: "--no-progress",
    brief: "plain lines instead of live progress",
    set(globals) {
      globals.progress = false;
    },
  },
  {
    flag: "--lock-wait",
    placeholder: "SECONDS",
    brief: "wait for another maand on this bucket instead of giving up",
    set(globals, value) {
      globals.lockWaitSeconds = seconds(value);
    },
  },
];

/** What holds where no global flag is given. */
export function defaultGlobals(): Globals {
  return { json: false, quiet: false, color: true, progress: true, lockWaitSeconds: 0 };
}

/**
 * Takes the global flags out of the arguments; what stands after `--` is left alone.
 * @throws MaandError("usage") for a flag without its value, or with one that it does not take.
 */
export function takeGlobals(argv: readonly string[]): { globals: Globals; rest: string[] } {
  const globals = defaultGlobals();
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    if (argument === "--") {
      rest.push(...argv.slice(i));
      break;
    }
    const equals = argument.startsWith("--") ? argument.indexOf("=") : -1;
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const flag = globalFlags.find((candidate) => candidate.flag === name);
    if (flag === undefined) {
      // The command and the flag of this name have one spelling each; both are taken.
      rest.push(argument === "--health-check" ? "--health_check" : argument);
    } else if (flag.placeholder === undefined) {
      if (equals >= 0)
        throw new MaandError("usage", `${name} takes no value`, { hint: `write ${name}, or leave it out` });
      flag.set(globals);
    } else {
      const value = equals >= 0 ? argument.slice(equals + 1) : argv[++i];
      if (value === undefined || value === "" || (equals < 0 && value.startsWith("--")))
        throw new MaandError("usage", `${name} needs a value`, { hint: 'see "maand help"' });
      flag.set(globals, value);
    }
  }
  return { globals, rest };
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new MaandError("usage", `--lock-wait "${text}" is not a number of seconds`, {
    hint: "use --lock-wait 60",
  });
}
