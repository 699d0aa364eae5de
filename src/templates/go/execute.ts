// The tree and its data → output: walking nodes, branches, loops and templates within templates.

import { assign, type Evaluation, enter, evaluatePipe } from "./evaluate.ts";
import { CallFault, SourceFault } from "./fault.ts";
import { printValue } from "./format/print.ts";
import { newBudget, spendOutput, spendSize, spendStep } from "./limits.ts";
import type { BranchNode, Node, PipeNode, TemplateNode } from "./node.ts";
import { nodeText } from "./node-text.ts";
import { keysInOrder } from "./order.ts";
import type { TemplateBodies } from "./parser.ts";
import { normalizeText } from "./text.ts";
import { isTrue } from "./truth.ts";
import type { FunctionTable } from "./value.ts";
import { hide, isHidden, typeName, unhide, type Value } from "./value.ts";

interface Run extends Evaluation {
  readonly templates: TemplateBodies;
  readonly output: string[];
}

/** How a list of nodes ended: at its end, or by leaving the loop around it. */
type Ending = "end" | "break" | "continue";

/** Runs the template `name`. Throws `SourceFault`. */
export function execute(
  templates: TemplateBodies,
  name: string,
  data: Value,
  functions: FunctionTable,
): string {
  // Go cannot tell a nil that stands for all the data from no data.
  const dot = data === null ? undefined : data;
  const run: Run = {
    templates,
    functions,
    budget: newBudget(),
    variables: [{ name: "$", value: dot }],
    output: [],
  };
  walk(run, dot, templates.get(name) ?? []);
  return normalizeText(run.output.join(""));
}

function walk(run: Run, dot: Value, nodes: readonly Node[]): Ending {
  for (const node of nodes) {
    const ending = walkNode(run, dot, node);
    if (ending !== "end") return ending;
  }
  return "end";
}

function walkNode(run: Run, dot: Value, node: Node): Ending {
  try {
    spendStep(run.budget);
    switch (node.kind) {
      case "text":
        write(run, node.text);
        return "end";
      case "action": {
        const value = evaluatePipe(run, dot, node.pipe);
        if (node.pipe.variables.length === 0) print(run, node.pipe, value);
        return "end";
      }
      case "template":
        walkTemplate(run, dot, node);
        return "end";
      case "break":
      case "continue":
        return node.kind;
      default:
        return walkBranch(run, dot, node);
    }
  } catch (thrown) {
    // A limit that was passed outside of any call belongs to the node where that happened.
    if (thrown instanceof CallFault) throw new SourceFault("render", node.offset, thrown.message);
    throw thrown;
  }
}

function write(run: Run, text: string): void {
  spendOutput(run.budget, text.length);
  run.output.push(text);
}

function print(run: Run, pipe: PipeNode, value: Value): void {
  const plain = unhide(value);
  if (typeof plain === "object" && plain !== null && plain.kind === "function") {
    throw new SourceFault("render", pipe.offset, `a ${typeName(plain)} cannot be printed`, {
      action: nodeText(pipe),
    });
  }
  write(run, plain === undefined || plain === null ? "<no value>" : printValue(plain, run.budget));
}

function walkBranch(run: Run, dot: Value, node: BranchNode): Ending {
  enter(run, node.offset);
  const mark = run.variables.length;
  const value = evaluatePipe(run, dot, node.pipe);
  let ending: Ending = "end";
  if (node.kind === "range") ending = walkRange(run, dot, node, value);
  else if (isTrue(value)) ending = walk(run, node.kind === "with" ? value : dot, node.body);
  else if (node.otherwise !== undefined) ending = walk(run, dot, node.otherwise);
  run.variables.length = mark;
  run.budget.depth--;
  return ending;
}

function walkRange(run: Run, dot: Value, node: BranchNode, value: Value): Ending {
  const mark = run.variables.length;
  let turns = 0;
  for (const [key, element] of elementsOf(run, node, value)) {
    turns++;
    spendStep(run.budget);
    setLoopVariables(run, node.pipe, key, element);
    const ending = walk(run, element, node.body);
    run.variables.length = mark;
    if (ending === "break") break;
  }
  if (turns > 0 || node.otherwise === undefined) return "end";
  // In Go a break in the else of a range leaves that range, although a continue there is one of the loop around it.
  return walk(run, dot, node.otherwise) === "continue" ? "continue" : "end";
}

// With one variable it is the element, with two the first is the index or key. Declared ones are the innermost.
function setLoopVariables(run: Run, pipe: PipeNode, key: Value, element: Value): void {
  const [first, second] = pipe.variables;
  if (first === undefined) return;
  const values = second === undefined ? [element] : [key, element];
  for (const [index, name] of pipe.variables.entries()) {
    if (pipe.assigns) assign(run, name, values[index], pipe.offset);
    else run.variables[run.variables.length - pipe.variables.length + index]!.value = values[index];
  }
}

// Index or key, and element, of each turn. What comes out of a secret is a secret.
function* elementsOf(run: Run, node: BranchNode, value: Value): Iterable<[Value, Value]> {
  const plain = unhide(value);
  const cover = isHidden(value) ? hide : (item: Value) => item;
  if (plain === undefined || plain === null) return;
  if (typeof plain === "bigint") {
    yield* integersOf(node, plain, (n) => cover(n));
    return;
  }
  if (typeof plain === "object" && plain.kind === "byte") {
    yield* integersOf(node, BigInt(plain.value), (n) => cover({ kind: "byte", value: Number(n) }));
    return;
  }
  if (typeof plain === "object" && plain.kind === "list") {
    for (const [index, item] of plain.items.entries()) yield [BigInt(index), cover(item)];
    return;
  }
  if (typeof plain === "object" && plain.kind === "map") {
    spendSize(run.budget, plain.entries.size);
    for (const key of keysInOrder(plain)) yield [cover(key), cover(plain.entries.get(key))];
    return;
  }
  throw rangeFault(node, `range cannot go over a ${typeName(plain)}`);
}

function* integersOf(node: BranchNode, count: bigint, make: (n: bigint) => Value): Iterable<[Value, Value]> {
  if (node.pipe.variables.length > 1)
    throw rangeFault(node, "range over an integer sets one variable, not two");
  for (let n = 0n; n < count; n++) yield [make(n), make(n)];
}

function rangeFault(node: BranchNode, what: string): SourceFault {
  return new SourceFault("render", node.pipe.offset, what, { action: `range ${nodeText(node.pipe)}` });
}

function walkTemplate(run: Run, dot: Value, node: TemplateNode): void {
  const body = run.templates.get(node.name);
  if (body === undefined) {
    throw new SourceFault("render", node.offset, `template ${JSON.stringify(node.name)} is not defined`, {
      action: nodeText(node),
      hint: "a template must be defined in the same file",
    });
  }
  enter(run, node.offset);
  const data = node.pipe === undefined ? undefined : evaluatePipe(run, dot, node.pipe);
  walk({ ...run, variables: [{ name: "$", value: data }] }, data, body);
  run.budget.depth--;
}
