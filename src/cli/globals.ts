// The flags that every command takes, wherever they stand on the command line.

import { MaandError } from "../model/error.ts";

export interface Globals {
  bucket?: string;
  json: boolean;
  quiet: boolean;
  color: boolean;
  progress: boolean;
  /** Seconds to wait for another maand on the same bucket. */
  lockWaitSeconds: number;
}

const switches: ReadonlySet<string> = new Set(["--json", "--quiet", "--no-color", "--no-progress"]);

/**
 * Takes the global flags out of the arguments; what stands after `--` is left alone.
 * @throws MaandError("usage") for a flag without its value, or with one that it does not take.
 */
export function takeGlobals(argv: readonly string[]): { globals: Globals; rest: string[] } {
  const globals: Globals = { json: false, quiet: false, color: true, progress: true, lockWaitSeconds: 0 };
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    if (argument === "--") {
      rest.push(...argv.slice(i));
      break;
    }
    const equals = argument.startsWith("--") ? argument.indexOf("=") : -1;
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const value = (): string => {
      const next = equals >= 0 ? argument.slice(equals + 1) : argv[++i];
      if (next === undefined || next === "" || (equals < 0 && next.startsWith("--")))
        throw new MaandError("usage", `${name} needs a value`, { hint: 'see "maand help"' });
      return next;
    };
    if (equals >= 0 && switches.has(name))
      throw new MaandError("usage", `${name} takes no value`, { hint: `write ${name}, or leave it out` });
    switch (name) {
      case "--bucket":
        globals.bucket = value();
        break;
      case "--lock-wait":
        globals.lockWaitSeconds = seconds(value());
        break;
      case "--json":
        globals.json = true;
        break;
      case "--quiet":
        globals.quiet = true;
        break;
      case "--no-color":
        globals.color = false;
        break;
      case "--no-progress":
        globals.progress = false;
        break;
      default:
        // The command and the flag of this name have one spelling each; both are taken.
        rest.push(argument === "--health-check" ? "--health_check" : argument);
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
