// Nodes back to source: how messages name the action that failed.

import type { CommandNode, Operand, PipeNode, TemplateNode } from "./node.ts";

/** The node as one would write it, with single spaces. */
export function nodeText(node: Operand | CommandNode | TemplateNode): string {
  switch (node.kind) {
    case "boolean":
      return String(node.value);
    case "number":
      return node.text;
    case "string":
      return node.quoted;
    case "nil":
      return "nil";
    case "dot":
      return ".";
    case "field":
      return pathText(node.path);
    case "variable":
      return node.name + pathText(node.path);
    case "identifier":
      return node.name;
    case "chain":
      return wordText(node.base) + pathText(node.path);
    case "pipe":
      return pipeText(node);
    case "command":
      return node.words.map(wordText).join(" ");
    case "template":
      return `template ${JSON.stringify(node.name)}${node.pipe === undefined ? "" : ` ${pipeText(node.pipe)}`}`;
  }
}

function wordText(node: Operand): string {
  return node.kind === "pipe" ? `(${pipeText(node)})` : nodeText(node);
}

function pipeText(node: PipeNode): string {
  const commands = node.commands.map(nodeText).join(" | ");
  if (node.variables.length === 0) return commands;
  return `${node.variables.join(", ")} ${node.assigns ? "=" : ":="} ${commands}`;
}

function pathText(path: readonly string[]): string {
  return path.map((name) => `.${name}`).join("");
}
