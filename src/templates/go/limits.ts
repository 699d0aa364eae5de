// Bounds on what one rendering may cost, so that no template can hang maand or use up its memory.

import { CallFault } from "./fault.ts";

/** The numbers are far above any configuration file and far below what hurts. They are documented in the help on templates. */
export const limits = {
  /** Longest output, and longest text or list that one call may make: UTF-16 units or items. */
  size: 16 * 1024 * 1024,
  /** Text read and made by all calls of one rendering together. */
  work: 1024 * 1024 * 1024,
  /** Nodes and loop turns evaluated. */
  steps: 5_000_000,
  /** Templates, blocks and parentheses inside each other while rendering. */
  depth: 1_000,
  /** Actions and parentheses inside each other in the source. */
  nesting: 200,
} as const;

/** What one rendering has used so far. */
export interface Budget {
  steps: number;
  work: number;
  output: number;
  depth: number;
}

export function newBudget(): Budget {
  return { steps: 0, work: 0, output: 0, depth: 0 };
}

/** Counts one evaluated node or loop turn. */
export function spendStep(budget: Budget): void {
  budget.steps++;
  if (budget.steps > limits.steps) {
    throw new CallFault(
      `the template takes more than ${limits.steps} steps; is there a loop that does not end?`,
    );
  }
}

/** Counts text or items that a call is about to make; ask before allocating. */
export function spendSize(budget: Budget, size: number): void {
  if (size > limits.size) throw new CallFault(`a value would be larger than ${limits.size} characters`);
  spendWork(budget, size);
}

/** Counts what a call looks through; work that is slower than copying text counts several times. */
export function spendWork(budget: Budget, size: number): void {
  budget.work += size;
  if (budget.work > limits.work) {
    throw new CallFault(`the template works on more than ${limits.work} characters of text in all`);
  }
}

/** Counts text that is written to the output. */
export function spendOutput(budget: Budget, size: number): void {
  budget.output += size;
  if (budget.output > limits.size) throw new CallFault(`the output is longer than ${limits.size} characters`);
}
