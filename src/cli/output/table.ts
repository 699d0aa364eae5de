// Aligned columns: whole values when piped, cut to the terminal's width otherwise.

import { visibleCell } from "../../events/visible.ts";
import { createPaint } from "./paint.ts";
import { cutText, textWidth } from "./text-width.ts";

export interface Column {
  /** The heading. */
  name: string;
  /** Numbers read better to the right; default left. */
  align?: "left" | "right";
}

/** What a cell may hold; nothing to show (undefined, null, "") is shown as `-` so that fields can be counted. */
export type Cell = string | number | boolean | null | undefined;

export interface TableOptions {
  /** Columns of the terminal; without it no cell is ever cut. */
  width?: number | undefined;
  /** Whether the heading is set off in bold. */
  color?: boolean;
}

const gap = 2;
/** No column is cut to less than this, even if the table is then wider than the terminal. */
const minimum = 6;

/**
 * The table with one line per row, each ending in a newline; the heading is always there. Cells never hold
 * line breaks, tabs or terminal escapes: those are shown as `\n`, `\t`, `\x1b`. Rows shorter than the columns
 * are filled up with `-`.
 */
export function formatTable(
  columns: readonly (string | Column)[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions = {},
): string {
  const heads = columns.map((column) => (typeof column === "string" ? { name: column } : column));
  const cells = rows.map((row) => heads.map((_, index) => cellText(row[index])));
  const names = heads.map((head) => head.name);
  const needed = names.map((name) => textWidth(name));
  for (const row of cells)
    for (let i = 0; i < row.length; i++) needed[i] = Math.max(needed[i]!, textWidth(row[i]!));
  const widths = options.width === undefined ? needed : fitWidths(needed, options.width);
  const paint = createPaint(options.color === true);
  const right = heads.map((head) => "align" in head && head.align === "right");
  const lines = [paint.bold(formatRow(names, widths, right))];
  for (const row of cells) lines.push(formatRow(row, widths, right));
  return `${lines.join("\n")}\n`;
}

function cellText(cell: Cell): string {
  return cell === undefined || cell === null || cell === "" ? "-" : visibleCell(String(cell));
}

function formatRow(row: readonly string[], widths: readonly number[], right: readonly boolean[]): string {
  const parts = row.map((text, index) => {
    const cut = cutText(text, widths[index]!);
    const fill = " ".repeat(Math.max(0, widths[index]! - textWidth(cut)));
    return right[index] === true ? fill + cut : cut + fill;
  });
  return parts.join(" ".repeat(gap)).trimEnd();
}

/** Takes columns away from the widest until the table fits or none can give more. */
function fitWidths(needed: readonly number[], width: number): number[] {
  const widths = [...needed];
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1) - width;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= minimum) break;
    // The widest come down together, to the next narrower one or as far as is needed.
    const among = widths.flatMap((each, index) => (each === widest ? [index] : []));
    const next = Math.max(minimum, ...widths.filter((each) => each < widest));
    const step = Math.min(widest - next, Math.ceil(excess / among.length));
    for (const index of among) widths[index] = widest - step;
    excess -= step * among.length;
  }
  return widths;
}
