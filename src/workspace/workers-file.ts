// workers.json as maand writes it: one worker after the other, unset fields left out.

/** A row as the file has it. Quantities are text with a unit or a bare number of MB / MHz. */
export interface WorkerEntry {
  host: string;
  hostname?: string | undefined;
  labels?: readonly string[] | undefined;
  memory?: string | number | undefined;
  cpu?: string | number | undefined;
  tags?: Readonly<Record<string, string>> | undefined;
  position?: number | undefined;
}

/**
 * Text of workers.json with the rows and their keys in the order given; never writes `null`. Lists and tags
 * stand on one line, so that a diff shows one line per changed field. Ends with a newline.
 */
export function formatWorkers(rows: readonly WorkerEntry[]): string {
  if (rows.length === 0) return "[]\n";
  const blocks = rows.map((row) => {
    const fields = Object.entries(row).flatMap(([key, value]: [string, unknown]) =>
      value === undefined || value === null ? [] : [`    ${JSON.stringify(key)}: ${oneLine(value)}`],
    );
    return `  {\n${fields.join(",\n")}\n  }`;
  });
  return `[\n${blocks.join(",\n")}\n]\n`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => oneLine(item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${oneLine(inner)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}
