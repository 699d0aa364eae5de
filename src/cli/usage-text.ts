// What is said about a command line that maand does not understand.

import {
  AliasNotFoundError,
  type ApplicationText,
  ArgumentParseError,
  FlagNotFoundError,
  text_en as standardText,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { reasonOf } from "../model/error.ts";

/** The texts of the command-line parser, in our own words. */
export const usageText: ApplicationText = {
  ...standardText,
  noCommandRegisteredForInput: ({ input, corrections }) =>
    `there is no command "${input}"${suggestion(corrections)}`,
  exceptionWhileParsingArguments: complaintOf,
};

// By class and not by the name of the class, as the parser's own formatter goes: the compiled names are shortened.
function complaintOf(thrown: unknown): string {
  if (thrown instanceof FlagNotFoundError)
    return `there is no flag ${dashed(thrown.input)}${suggestion(thrown.corrections.map(dashed))}`;
  if (thrown instanceof AliasNotFoundError) return `there is no flag -${thrown.input}`;
  if (thrown instanceof ArgumentParseError) {
    const { externalFlagNameOrPlaceholder, input, exception } = thrown;
    return `${dashed(externalFlagNameOrPlaceholder)} ${JSON.stringify(input)}: ${reasonOf(exception)}`;
  }
  if (thrown instanceof UnsatisfiedFlagError) return `${dashed(thrown.externalFlagName)} needs a value`;
  if (thrown instanceof UnexpectedFlagError) return `${dashed(thrown.externalFlagName)} is given twice`;
  if (thrown instanceof UnexpectedPositionalError) {
    const { expectedCount, input } = thrown;
    const expected = ["no argument is", "1 argument is"][expectedCount] ?? `${expectedCount} arguments are`;
    return `"${input}" is too much: ${expected} expected`;
  }
  if (thrown instanceof UnsatisfiedPositionalError) return `<${thrown.placeholder}> is missing`;
  return reasonOf(thrown);
}

function suggestion(corrections: readonly string[]): string {
  if (corrections.length === 0) return "";
  return `, did you mean ${corrections.map((name) => `"${name.replaceAll("`", "")}"`).join(" or ")}?`;
}

/** stricli gives flag names without their dashes in some places and with them in others. */
function dashed(name: string): string {
  return name.startsWith("-") ? name : `--${name}`;
}
