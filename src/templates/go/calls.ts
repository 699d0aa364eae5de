// Calling a function: arguments checked against its parameters, secrets uncovered for it and covered again.

import { MaandError } from "../../model/error.ts";
import { CallFault, SourceFault } from "./fault.ts";
import { type Budget, spendWork } from "./limits.ts";
import type { Operand } from "./node.ts";
import { nodeText } from "./node-text.ts";
import type { ParameterType, TemplateFunction } from "./value.ts";
import { containsHidden, hide, isHidden, typeName, unhide, unhideAll, type Value } from "./value.ts";

/** Where a call stands, for messages. */
export interface CallSite {
  readonly name: string;
  readonly offset: number;
  /** The call as in the source. */
  readonly action: string;
}

/** An argument and the operand it came from; none for what a pipeline passes on. */
export interface Argument {
  readonly value: Value;
  readonly operand: Operand | undefined;
}

/** Refuses a call with too few or too many arguments. */
export function checkCount(site: CallSite, target: TemplateFunction, count: number): void {
  const least = target.least ?? target.parameters.length;
  const most = target.rest === undefined ? target.parameters.length : Number.POSITIVE_INFINITY;
  if (count >= least && count <= most) return;
  const wanted =
    most === least
      ? `${least}`
      : most < Number.POSITIVE_INFINITY
        ? `${least} to ${most}`
        : `at least ${least}`;
  throw faultAt(
    site,
    `${site.name} takes ${wanted} ${wanted === "1" ? "argument" : "arguments"}, not ${count}`,
  );
}

/** The type of the argument at `index`. */
export function parameterAt(target: TemplateFunction, index: number): ParameterType {
  return target.parameters[index] ?? target.rest ?? "any";
}

/** The argument as the parameter's type, or a fault that names both. */
export function fitArgument(site: CallSite, { value, operand }: Argument, type: ParameterType): Value {
  if (type === "value") return value;
  if (type === "any") return value === undefined ? null : value;
  const plain = unhide(value);
  if (type === "string" && typeof plain === "string") return value;
  if (type === "list" && typeof plain === "object" && plain !== null && plain.kind === "list") return value;
  if (type === "int") {
    if (typeof plain === "bigint") return value;
    if (operand?.kind === "number" && operand.constant.integer !== undefined) return operand.constant.integer;
  }
  const offset = operand?.offset ?? site.offset;
  const action = operand === undefined ? site.action : nodeText(operand);
  const got = plain === undefined || plain === null ? "nothing (nil)" : `a value of type ${typeName(plain)}`;
  throw faultAt({ ...site, offset, action }, `${site.name} needs ${typeWords[type]} here, not ${got}`);
}

const typeWords = { string: "a string", int: "an integer", list: "a list" } as const;

/**
 * Runs the function. When an argument was a secret, so is the result, and a fault keeps to itself what it wanted to show.
 * Throws `SourceFault`, or the `MaandError` of a catalog that cannot be read.
 */
export function runFunction(
  site: CallSite,
  target: TemplateFunction,
  args: readonly Value[],
  budget: Budget,
): Value {
  const secret = args.some(containsHidden);
  try {
    for (const value of args) spendWork(budget, sizeOf(value));
    const result = target.call(secret ? args.map(unhideAll) : args, budget);
    return secret ? hide(result) : result;
  } catch (thrown) {
    throwExplained(site, thrown, secret);
  }
}

// What a function may have to look through, so that calls on something large in a loop are counted for what they cost.
function sizeOf(value: Value): number {
  const plain = unhide(value);
  if (typeof plain === "string") return plain.length;
  if (typeof plain !== "object" || plain === null) return 0;
  // An item of a list costs about as much as a line of text.
  return plain.kind === "list" ? plain.items.length * 32 : 0;
}

/** Throws what was thrown, as a fault of the template where it is one. */
function throwExplained(site: CallSite, thrown: unknown, secret: boolean): never {
  const isOwn = thrown instanceof MaandError || thrown instanceof CallFault;
  // Not the template's fault: the exit code must say so.
  if (thrown instanceof MaandError && (thrown.kind === "catalog" || thrown.kind === "local")) throw thrown;
  if (isOwn && secret && (thrown instanceof MaandError || thrown.quotesArguments)) {
    throw faultAt(site, `${site.name} failed; the reason is not shown because an argument is a secret`);
  }
  if (thrown instanceof CallFault) {
    const shown = thrown.shown === undefined ? "" : `: ${secret ? "***" : thrown.shown}`;
    throw faultAt(site, thrown.message + shown, thrown.hint);
  }
  if (thrown instanceof MaandError) {
    const { message, why, hint } = thrown;
    throw new SourceFault("render", site.offset, message, { action: site.action, why, hint });
  }
  throw thrown;
}

/** A fault of this call. */
export function faultAt(site: CallSite, what: string, hint?: string): SourceFault {
  return new SourceFault("render", site.offset, what, { action: site.action, hint });
}

/** The function inside a value for `call`, if it is one. */
export function functionIn(value: Value): TemplateFunction | undefined {
  const plain = unhide(value);
  const isFunction = typeof plain === "object" && plain !== null && plain.kind === "function";
  return isFunction && !isHidden(value) ? plain.target : undefined;
}
