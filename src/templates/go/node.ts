// The tree that the parser makes of a template.

import type { NumberConstant } from "./constants.ts";

/** Every node knows the offset (UTF-16 units) where it begins in the source. */
interface At {
  readonly offset: number;
}

export type Node =
  | TextNode
  | ActionNode
  | BranchNode
  | TemplateNode
  | (At & { readonly kind: "break" })
  | (At & { readonly kind: "continue" });

export interface TextNode extends At {
  readonly kind: "text";
  readonly text: string;
}

/** `{{pipeline}}`; one that declares or assigns prints nothing. */
export interface ActionNode extends At {
  readonly kind: "action";
  readonly pipe: PipeNode;
}

/** `if`, `with` and `range` have one shape; `else if` is a branch alone in `otherwise`. */
export interface BranchNode extends At {
  readonly kind: "if" | "with" | "range";
  readonly pipe: PipeNode;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[] | undefined;
}

/** `{{template "name" pipeline}}`, also what `block` leaves in its place. */
export interface TemplateNode extends At {
  readonly kind: "template";
  readonly name: string;
  readonly pipe: PipeNode | undefined;
}

/** A pipeline; with parentheses around it, it is an operand too. */
export interface PipeNode extends At {
  readonly kind: "pipe";
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly CommandNode[];
}

/** One stage of a pipeline: an operand alone, or a function or field with its arguments. */
export interface CommandNode extends At {
  readonly kind: "command";
  readonly words: readonly [Operand, ...Operand[]];
}

export type Operand =
  | (At & { readonly kind: "boolean"; readonly value: boolean })
  | (At & { readonly kind: "number"; readonly text: string; readonly constant: NumberConstant })
  | (At & { readonly kind: "string"; readonly quoted: string; readonly value: string })
  | (At & { readonly kind: "nil" })
  | (At & { readonly kind: "dot" })
  | FieldNode
  | VariableNode
  | IdentifierNode
  | ChainNode
  | PipeNode;

/** `.a.b` */
export interface FieldNode extends At {
  readonly kind: "field";
  readonly path: readonly string[];
}

/** `$x.a.b`; `name` has its `$`. */
export interface VariableNode extends At {
  readonly kind: "variable";
  readonly name: string;
  readonly path: readonly string[];
}

/** The name of a function. */
export interface IdentifierNode extends At {
  readonly kind: "identifier";
  readonly name: string;
}

/** Fields of something that is no field itself: `(pipeline).a.b`, `function.a`. */
export interface ChainNode extends At {
  readonly kind: "chain";
  readonly base: Operand;
  readonly path: readonly string[];
}
