// Aligned columns: whole values when piped; on a terminal cut to its width, or one line per value where it is too narrow.

import { visibleCell } from "../../support/visible.ts";
import { createPaint, type Paint } from "./paint.ts";

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
/** Values up to this width (that of an IPv4 address) are never cut; longer ones keep at least `longMinimum`. */
const shortValue = 15;
const longMinimum = 8;
/** A heading whose values are short keeps at least this. */
const headingMinimum = 5;
/** Columns that say what a row is about: cut, two rows could not be told apart. */
const identifying: ReadonlySet<string> = new Set(["worker", "worker_ip", "job", "key"]);

/**
 * The table with one line per row, each ending in a newline; the heading is always there. Cells never hold
 * line breaks, tabs or terminal escapes: those are shown as `\n`, `\t`, `\x1b`. Rows shorter than the columns
 * are filled up with `-`. Where a terminal is too narrow even for what must not be cut, each row becomes a
 * paragraph of `name  value` lines instead.
 */
export function formatTable(
  columns: readonly (string | Column)[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions = {},
): string {
  const heads = columns.map((column) => (typeof column === "string" ? { name: column } : column));
  const cells = rows.map((row) => heads.map((_, index) => cellText(row[index])));
  const names = heads.map((head) => head.name);
  const values = names.map(() => 0);
  for (const row of cells)
    for (let i = 0; i < row.length; i++) values[i] = Math.max(values[i]!, Bun.stringWidth(row[i]!));
  const needed = names.map((name, i) => Math.max(Bun.stringWidth(name), values[i]!));
  const paint = createPaint(options.color === true);
  let widths = needed;
  if (options.width !== undefined) {
    const floors = names.map((name, i) => Math.min(needed[i]!, floorOf(name, values[i]!)));
    if (cells.length > 0 && tableWidth(floors) > options.width) return paragraphs(names, cells, paint);
    widths = fitWidths(needed, floors, options.width);
  }
  const right = heads.map((head) => "align" in head && head.align === "right");
  const lines = [paint.bold(formatRow(names, widths, right))];
  for (const row of cells) lines.push(formatRow(row, widths, right));
  return `${lines.join("\n")}\n`;
}

/** The text, or as many of its first characters as fit before a `…`. For text without colours; `width` is at least 1. */
export function cutText(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let end = width - 1;
  // A wide character that begins in the last column is kept by `sliceAnsi`, half of it too far right.
  while (Bun.stringWidth(Bun.sliceAnsi(text, 0, end)) > width - 1) end -= 1;
  return `${Bun.sliceAnsi(text, 0, end)}…`;
}

function cellText(cell: Cell): string {
  return cell === undefined || cell === null || cell === "" ? "-" : visibleCell(String(cell));
}

function formatRow(row: readonly string[], widths: readonly number[], right: readonly boolean[]): string {
  const parts = row.map((text, index) => {
    const cut = cutText(text, widths[index]!);
    const fill = " ".repeat(Math.max(0, widths[index]! - Bun.stringWidth(cut)));
    return right[index] === true ? fill + cut : cut + fill;
  });
  return parts.join(" ".repeat(gap)).trimEnd();
}

/** One line per value, for terminals too narrow for the table; what is longer than a line wraps. */
function paragraphs(names: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const width = Math.max(...names.map((name) => Bun.stringWidth(name)));
  const heads = names.map((name) => paint.bold(name) + " ".repeat(width - Bun.stringWidth(name) + gap));
  return rows.map((row) => row.map((text, i) => `${heads[i]}${text}\n`).join("")).join("\n");
}

function floorOf(name: string, valueWidth: number): number {
  if (identifying.has(name)) return Math.max(headingMinimum, valueWidth);
  return valueWidth <= shortValue ? Math.max(headingMinimum, valueWidth) : longMinimum;
}

function tableWidth(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1);
}

/** Takes columns away from the widest until the table fits or none can give more. */
function fitWidths(needed: readonly number[], floors: readonly number[], width: number): number[] {
  // One very long value must not make this long work: no column can be wider than the terminal anyway.
  const widths = needed.map((each, i) => Math.min(each, Math.max(width, floors[i]!)));
  for (let excess = tableWidth(widths) - width; excess > 0; excess--) {
    let widest = -1;
    for (const [i, each] of widths.entries())
      if (each > floors[i]! && (widest < 0 || each > widths[widest]!)) widest = i;
    if (widest < 0) break;
    widths[widest]! -= 1;
  }
  return widths;
}
