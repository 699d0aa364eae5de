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

/**
 * Takes the global flags out of the arguments; what stands after `--` is left alone.
 * @throws MaandError("usage") for a flag without its value.
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
      if (equals >= 0) return argument.slice(equals + 1);
      const next = argv[++i];
      if (next === undefined)
        throw new MaandError("usage", `${name} needs a value`, { remedy: 'see "maand help"' });
      return next;
    };
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
        rest.push(argument);
    }
  }
  return { globals, rest };
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new MaandError("usage", `--lock-wait "${text}" is not a number of seconds`, {
    remedy: "use --lock-wait 60",
  });
}
