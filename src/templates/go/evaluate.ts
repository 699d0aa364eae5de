// Pipelines, commands and operands → values.

import { suggestName } from "../../support/nearest.ts";
import { builtins, shortCircuits } from "./builtins.ts";
import {
  type CallSite,
  checkCount,
  faultAt,
  fitArgument,
  functionIn,
  parameterAt,
  runFunction,
} from "./calls.ts";
import { SourceFault } from "./fault.ts";
import { type Budget, limits, spendStep } from "./limits.ts";
import type {
  ChainNode,
  CommandNode,
  FieldNode,
  IdentifierNode,
  Operand,
  PipeNode,
  VariableNode,
} from "./node.ts";
import { nodeText } from "./node-text.ts";
import { isTrue } from "./truth.ts";
import type { FunctionTable, TemplateFunction } from "./value.ts";
import { hide, isHidden, typeName, unhide, type Value } from "./value.ts";

/** What evaluation needs besides dot. */
export interface Evaluation {
  /** Innermost last. */
  readonly variables: { readonly name: string; value: Value }[];
  readonly functions: FunctionTable;
  readonly budget: Budget;
}

/** The value that a pipeline hands to its next command, if there is one before it. */
interface Passed {
  readonly value: Value;
}

/** Evaluates a pipeline and sets its variables. Nil comes out as no value, as in Go. Throws `SourceFault`. */
export function evaluatePipe(scope: Evaluation, dot: Value, pipe: PipeNode): Value {
  enter(scope, pipe.offset);
  let passed: Passed | undefined;
  for (const command of pipe.commands) {
    const value = evaluateCommand(scope, dot, command, passed);
    passed = { value: value === null ? undefined : value };
  }
  const value = passed?.value;
  for (const name of pipe.variables) {
    if (pipe.assigns) assign(scope, name, value, pipe.offset);
    else scope.variables.push({ name, value });
  }
  scope.budget.depth--;
  return value;
}

/** Goes one level deeper, up to the limit. The caller goes back up; after an error nobody needs to. */
export function enter(scope: Evaluation, offset: number): void {
  spendStep(scope.budget);
  scope.budget.depth++;
  if (scope.budget.depth > limits.depth) {
    throw new SourceFault(
      "render",
      offset,
      `more than ${limits.depth} templates or blocks inside each other`,
      {
        hint: "look for a template that calls itself without end",
      },
    );
  }
}

/** Sets a variable that exists already. */
export function assign(scope: Evaluation, name: string, value: Value, offset: number): void {
  const variable = scope.variables.findLast((candidate) => candidate.name === name);
  if (variable === undefined) {
    throw new SourceFault("render", offset, `variable "${name}" is not defined`, {
      hint: `declare it with ${name} := ...`,
    });
  }
  variable.value = value;
}

function evaluateCommand(
  scope: Evaluation,
  dot: Value,
  command: CommandNode,
  passed: Passed | undefined,
): Value {
  const [first, ...rest] = command.words;
  const hasArguments = rest.length > 0 || passed !== undefined;
  switch (first.kind) {
    case "identifier":
      return evaluateCall(scope, dot, first, nodeText(command), rest, passed);
    case "field":
    case "chain":
      return evaluatePath(scope, dot, first, hasArguments);
    case "variable":
      if (first.path.length > 0) return evaluatePath(scope, dot, first, hasArguments);
      break;
    default:
  }
  if (hasArguments) {
    throw renderFault(first, `${nodeText(first)} is no function and takes no argument`);
  }
  if (first.kind === "nil") throw renderFault(first, "nil alone has no value");
  return evaluateOperand(scope, dot, first);
}

/** Evaluates an operand that stands alone or as an argument. */
function evaluateOperand(scope: Evaluation, dot: Value, operand: Operand): Value {
  switch (operand.kind) {
    case "boolean":
    case "string":
      return operand.value;
    case "number": {
      const { natural } = operand.constant;
      if (natural === "overflow") throw renderFault(operand, `${operand.text} is too large for an integer`);
      return natural;
    }
    case "nil":
      return null;
    case "dot":
      return dot;
    case "pipe":
      return evaluatePipe(scope, dot, operand);
    case "identifier":
      return evaluateCall(scope, dot, operand, operand.name, [], undefined);
    default:
      return evaluatePath(scope, dot, operand, false);
  }
}

function evaluatePath(
  scope: Evaluation,
  dot: Value,
  node: FieldNode | VariableNode | ChainNode,
  hasArguments: boolean,
): Value {
  let value = dot;
  if (node.kind === "chain") value = evaluateOperand(scope, dot, node.base);
  if (node.kind === "variable") value = variableValue(scope, node);
  for (const [index, name] of node.path.entries()) {
    const isLast = index === node.path.length - 1;
    value = fieldOf(node, value, name, hasArguments && isLast);
  }
  return value;
}

function variableValue(scope: Evaluation, node: VariableNode): Value {
  const variable = scope.variables.findLast((candidate) => candidate.name === node.name);
  if (variable === undefined) throw renderFault(node, `variable "${node.name}" is not defined`);
  return variable.value;
}

// A field of a struct, or a key of a map. A missing key is no value, and so is anything asked of no value.
function fieldOf(
  node: FieldNode | VariableNode | ChainNode,
  receiver: Value,
  name: string,
  hasArguments: boolean,
): Value {
  const plain = unhide(receiver);
  if (plain === undefined) return undefined;
  if (plain === null) throw renderFault(node, `.${name} is asked of nil`);
  const isObject = typeof plain === "object";
  if (isObject && plain.kind === "map") {
    if (hasArguments) throw renderFault(node, `.${name} is no function and takes no argument`);
    const value = plain.entries.has(name) ? plain.entries.get(name) : undefined;
    return isHidden(receiver) ? hide(value) : value;
  }
  if (isObject && plain.kind === "struct" && plain.fields.has(name)) {
    if (hasArguments) throw renderFault(node, `.${name} is no function and takes no argument`);
    const value = plain.fields.get(name);
    return isHidden(receiver) ? hide(value) : value;
  }
  const hint =
    isObject && plain.kind === "struct" ? suggestName(name, [...plain.fields.keys()].sort()) : undefined;
  throw renderFault(node, `there is no field ${name} in a value of type ${typeName(plain)}`, hint);
}

function evaluateCall(
  scope: Evaluation,
  dot: Value,
  node: IdentifierNode,
  action: string,
  operands: readonly Operand[],
  passed: Passed | undefined,
): Value {
  const site: CallSite = { name: node.name, offset: node.offset, action };
  spendStep(scope.budget);
  const builtin = builtins.get(node.name);
  const target = builtin ?? scope.functions.get(node.name);
  if (target === undefined) throw faultAt(site, `function "${node.name}" is not defined`);
  checkCount(site, target, operands.length + (passed === undefined ? 0 : 1));
  const decides = shortCircuits.get(node.name);
  if (builtin !== undefined && decides !== undefined) {
    return evaluateUntil(scope, dot, operands, passed, decides);
  }
  const args = evaluateArguments(scope, dot, site, target, operands, passed);
  const called = node.name === "call" ? functionIn(args[0]) : undefined;
  if (called === undefined) return runFunction(site, target, args, scope.budget);
  const rest = args.slice(1);
  checkCount(site, called, rest.length);
  const fitted = rest.map((value, index) => {
    const operand = operands[index + 1];
    return fitArgument(site, { value, operand }, parameterAt(called, index));
  });
  return runFunction(site, called, fitted, scope.budget);
}

function evaluateArguments(
  scope: Evaluation,
  dot: Value,
  site: CallSite,
  target: TemplateFunction,
  operands: readonly Operand[],
  passed: Passed | undefined,
): Value[] {
  const args = operands.map((operand, index) => {
    const value = constantFor(operand, parameterAt(target, index)) ?? evaluateOperand(scope, dot, operand);
    return fitArgument(site, { value, operand }, parameterAt(target, index));
  });
  if (passed !== undefined) {
    const type = parameterAt(target, args.length);
    args.push(fitArgument(site, { value: passed.value, operand: undefined }, type));
  }
  return args;
}

// A whole number written as 1e3 or 'a' is an integer where one is wanted.
function constantFor(operand: Operand, type: string): bigint | undefined {
  return type === "int" && operand.kind === "number" ? operand.constant.integer : undefined;
}

// The first argument whose truth is `decides`, or the last.
function evaluateUntil(
  scope: Evaluation,
  dot: Value,
  operands: readonly Operand[],
  passed: Passed | undefined,
  decides: boolean,
): Value {
  let value: Value;
  for (const operand of operands) {
    value = evaluateOperand(scope, dot, operand);
    if (isTrue(value) === decides) return value;
  }
  return passed === undefined ? value : passed.value;
}

function renderFault(node: Operand, what: string, hint?: string): SourceFault {
  return new SourceFault("render", node.offset, what, { action: nodeText(node), hint });
}
