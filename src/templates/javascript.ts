// The context as JavaScript sees it: Eta's `it`, with the same fields and functions as Go templates have.

import { suggestName } from "../support/nearest.ts";
import { contextValue, type TemplateEnvironment } from "./environment.ts";
import { templateFunctions } from "./functions.ts";
import { type CallSite, checkCount, fitArgument, parameterAt, runFunction } from "./go/calls.ts";
import { CallFault, SourceFault } from "./go/fault.ts";
import { type Budget, newBudget } from "./go/limits.ts";
import type { TemplateFunction } from "./go/value.ts";
import { anyList, anyMap, containsHidden, unhideAll, type Value } from "./go/value.ts";

/** `it` for one rendering, and whether a secret has been handed to the template's code. */
export interface JavaScriptContext {
  readonly it: object;
  readonly secretSeen: () => boolean;
}

/**
 * Builds `it` for a template with this source. Asking it for a name that it does not have throws `CallFault`; its functions
 * throw `CallFault` or `SourceFault`. Once a secret was handed out any value may hold it, so from then on their messages
 * name only what stands in the source itself.
 */
export function javascriptContext(source: string, environment: TemplateEnvironment): JavaScriptContext {
  let secretSeen = false;
  const budget = newBudget();
  const it: Record<string, unknown> = {};
  const { fields } = contextValue(environment.data);
  for (const name of fields.keys()) defineField(it, name, () => toJavaScript(fields.get(name)));
  for (const [name, target] of templateFunctions(environment)) {
    it[name] = (...given: unknown[]) => {
      try {
        const result = callFromJavaScript(name, target, given, budget);
        if (containsHidden(result)) secretSeen = true;
        return toJavaScript(result);
      } catch (thrown) {
        const isOwn = thrown instanceof CallFault || thrown instanceof SourceFault;
        if (!isOwn || !secretSeen || given.every((text) => inSource(source, text))) throw thrown;
        throw new CallFault(
          `it.${name} failed; its reason is not shown because the template has read a secret`,
        );
      }
    };
  }
  return { it: guarded(source, it), secretSeen: () => secretSeen };
}

/** A member that is worked out when it is first read, by whatever means JavaScript has to read it. */
function defineField(it: object, name: string, make: () => unknown): void {
  let made: { value: unknown } | undefined;
  const get = (): unknown => {
    made ??= { value: make() };
    return made.value;
  };
  Object.defineProperty(it, name, { enumerable: true, configurable: true, get });
}

function inSource(source: string, value: unknown): boolean {
  return typeof value === "string" && source.includes(value);
}

function callFromJavaScript(
  name: string,
  target: TemplateFunction,
  given: readonly unknown[],
  budget: Budget,
): Value {
  const site: CallSite = { name, offset: 0, action: `it.${name}` };
  checkCount(site, target, given.length);
  const args = given.map((argument, index) => {
    const value = fromJavaScript(name, argument, 0);
    return fitArgument(site, { value, operand: undefined }, parameterAt(target, index));
  });
  return runFunction(site, target, args, budget);
}

// `<%= it.Jbo %>` would print "undefined" into a configuration file.
function guarded(source: string, it: Record<string, unknown>): object {
  return new Proxy(it, {
    get(target, name) {
      if (typeof name === "symbol" || name === "__blocks") return undefined;
      if (Object.hasOwn(target, name)) return target[name];
      const shown = inSource(source, name) ? name : "***";
      throw new CallFault(`there is no it.${shown}`, {
        hint: suggestName(name, Object.keys(target).sort()),
      });
    },
    set(_target, name) {
      throw new CallFault(`it.${String(name)} cannot be set`, { hint: "declare a variable with let" });
    },
  });
}

/** A template value as plain JavaScript: integers become numbers while they are exact, lists arrays, maps objects. */
function toJavaScript(value: Value): unknown {
  const plain = unhideAll(value);
  if (typeof plain === "bigint") {
    const number = Number(plain);
    return Number.isSafeInteger(number) ? number : plain;
  }
  if (typeof plain !== "object" || plain === null) return plain;
  switch (plain.kind) {
    case "list":
      return plain.items.map(toJavaScript);
    case "map":
      return Object.fromEntries([...plain.entries].map(([key, item]) => [key, toJavaScript(item)]));
    case "struct":
      return Object.fromEntries([...plain.fields].map(([key, item]) => [key, toJavaScript(item)]));
    case "byte":
      return plain.value;
    default:
      return undefined;
  }
}

const maxDepth = 200;

function fromJavaScript(name: string, value: unknown, depth: number): Value {
  if (depth > maxDepth) throw new CallFault(`it.${name} was given a value nested too deeply`);
  switch (typeof value) {
    case "string":
      return value.toWellFormed();
    case "boolean":
      return value;
    case "bigint":
      return BigInt.asIntN(64, value);
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    case "undefined":
      // Nearly always a name that was mistyped.
      throw new CallFault(`it.${name} was given undefined`);
    case "object":
      break;
    default:
      throw new CallFault(`it.${name} cannot take a ${typeof value}`);
  }
  if (value === null) return null;
  if (Array.isArray(value)) return anyList(value.map((item) => fromJavaScript(name, item, depth + 1)));
  return anyMap(Object.entries(value).map(([key, item]) => [key, fromJavaScript(name, item, depth + 1)]));
}
