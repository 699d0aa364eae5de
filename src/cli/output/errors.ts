// Errors as the operator reads them: what failed, where, why, what to do; as text and as JSON.

import { catalogFailure } from "../../catalog/failure.ts";
import { compareDiagnostics, diagnosticJson, formatDiagnostic } from "../../model/diagnostic.ts";
import { formatPlace, MaandError, reasonOf } from "../../model/error.ts";
import { visible } from "../../support/visible.ts";
import type { Paint } from "./paint.ts";

/** Any thrown value as a MaandError; what is not one of ours is a fault in maand and says so. */
export function toMaandError(thrown: unknown): MaandError {
  const failure = catalogFailure(thrown, "data/maand.db");
  if (failure.known) return failure.error;
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  return new MaandError("local", `maand itself failed: ${reasonOf(thrown)}`, {
    ...(stack === "" ? {} : { why: stack.split("\n").slice(1, 6).join("\n").trim() }),
    hint: "this is a fault in maand: please report it with the command and these lines",
    cause: thrown,
  });
}

/** The text for standard error, ending in a newline. */
export function formatError(error: MaandError, paint: Paint): string {
  const found = [...error.diagnostics].sort(compareDiagnostics).map(formatDiagnostic);
  if (found.length > 0)
    return `${found.map((line) => `${visible(line)}\n`).join("")}${paint.red(error.message)}\n`;
  const place = formatPlace(error.where);
  const lines = [
    `${paint.red("error:")} ${visible(error.message)}${place === "" ? "" : ` (${visible(place)})`}`,
  ];
  if (error.why !== undefined) lines.push(...labelled("why", error.why));
  if (error.hint !== undefined) lines.push(...labelled("do", error.hint));
  return `${lines.join("\n")}\n`;
}

/** `  why: first line`, further lines aligned below it. */
function labelled(label: string, text: string): string[] {
  const indent = `  ${" ".repeat(label.length + 2)}`;
  return text.split("\n").map((line, i) => `${i === 0 ? `  ${label}: ` : indent}${visible(line)}`);
}

/**
 * One failure of several, as lines of a command's result that end in a newline each.
 * @param who such as `api@10.0.0.1`
 * @param place of what failed, where `who` does not say it all
 */
export function failureLines(who: string, error: MaandError, place = ""): string {
  const lines = [`failed: ${who}: ${error.message}${place === "" ? "" : ` (${place})`}`];
  if (error.why !== undefined) lines.push(...error.why.split("\n").map((line) => `  | ${line}`));
  if (error.hint !== undefined) lines.push(`  do: ${error.hint}`);
  return lines.map((line) => `${visible(line)}\n`).join("");
}

/** The `error` member of a JSON document. */
export function errorJson(error: MaandError): Record<string, unknown> {
  return {
    kind: error.kind,
    message: error.message,
    ...error.where,
    ...(error.why === undefined ? {} : { why: error.why }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.diagnostics.length === 0
      ? {}
      : { faults: [...error.diagnostics].sort(compareDiagnostics).map(diagnosticJson) }),
  };
}
