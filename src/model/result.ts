// How a function says "failed" without throwing: a result or a verdict, never an absence.

import type { MaandError } from "./error.ts";

/** A value, or the error that stands in its place. Throwing is for what ends the command. */
export type Result<T> = { ok: true; value: T } | { ok: false; error: MaandError };

/** The answer of a check: it passed, or why it did not (one line). What answers nothing at all has not passed. */
export type Verdict = { pass: true } | { pass: false; reason: string };

/** A verdict on something that a user wrote: also what to do about it. */
export type HintedVerdict = { pass: true } | { pass: false; reason: string; hint: string };

/** The verdict of everything that passed. */
export const passed = { pass: true } as const satisfies Verdict;

/** The verdict "did not pass"; `reason` is one line that completes "failed: ...". */
export function failed(reason: string): { pass: false; reason: string };
export function failed(reason: string, hint: string): { pass: false; reason: string; hint: string };
export function failed(reason: string, hint?: string): { pass: false; reason: string; hint?: string } {
  return { pass: false, reason, ...(hint === undefined ? {} : { hint }) };
}

/**
 * The end of a switch over a union: a type error where a member is forgotten. At run time it throws an Error that
 * names `what` (such as "probe type") and the member, so that what nobody handles fails and never passes.
 */
export function assertNever(value: never, what: string): never {
  throw new Error(`maand does not know the ${what} ${JSON.stringify(memberName(value))}`);
}

/** The member itself, or what tells it from the other members: its data may be large or secret. */
function memberName(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { kind, type } = value as { kind?: unknown; type?: unknown };
  return kind ?? type ?? Object.keys(value);
}
