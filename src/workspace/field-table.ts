// The table of manifest fields in `maand help workspace`, made from the schema: names, defaults, meanings, examples.

import { jsonSchema } from "./schema.ts";

/** One field, by its path: `hooks.<name>.executed_on`, `health_check.checks[http].path`. */
export interface FieldRow {
  path: string;
  /** JSON of the value that holds where the field is left out; "" where there is none. */
  absent: string;
  isRequired: boolean;
  description: string | undefined;
  /** JSON of a value that the field may have. */
  example: string | undefined;
}

/** The part of JSON Schema that the schemas of this project are made of. */
interface Schema {
  description?: string;
  default?: unknown;
  examples?: unknown[];
  const?: unknown;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  oneOf?: Schema[];
}

/** Every field of a manifest, in the order of the schema. */
export function manifestRows(): FieldRow[] {
  return fieldsIn(jsonSchema("manifest"), "").filter(({ path }) => path !== "$schema");
}

function fieldsIn(schema: Schema, prefix: string): FieldRow[] {
  const { properties = {}, required = [], additionalProperties, items, oneOf = [] } = schema;
  const own = Object.entries(properties).flatMap(([name, field]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const isRequired = required.includes(name) && field.default === undefined;
    return [row(path, isRequired, field), ...fieldsIn(field, path)];
  });
  const named =
    typeof additionalProperties === "object" ? fieldsIn(additionalProperties, `${prefix}.<name>`) : [];
  const listed =
    items === undefined ? [] : fieldsIn(items, items.oneOf === undefined ? `${prefix}[]` : prefix);
  const kinds = oneOf.flatMap((kind) => fieldsIn(kind, `${prefix}[${String(kind.properties?.type?.const)}]`));
  return [...own, ...named, ...listed, ...kinds];
}

function row(path: string, isRequired: boolean, field: Schema): FieldRow {
  const example = field.examples?.[0];
  return {
    path,
    absent: field.default === undefined ? "" : JSON.stringify(field.default),
    isRequired,
    description: field.description,
    example: example === undefined ? undefined : json(example),
  };
}

/** JSON on one line with spaces, as people write it. */
function json(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(/\n\s*/g, " ").replace(/\[ /g, "[").replace(/ \]/g, "]");
}

/** Widest line of the table. */
const widest = 118;

/** The table, indented as code, without a newline at its end. */
export function manifestTable(): string {
  const rows = manifestRows();
  const left = Math.max(...rows.map(({ path }) => path.length));
  const middle = Math.max(...rows.map((field) => absence(field).length));
  const indent = 4 + left + 2 + middle + 2;
  return rows
    .flatMap((field) => {
      const meaning = [...(field.description ?? "").split(" "), `e.g. ${field.example}`];
      const [first = "", ...more] = wrap(meaning, widest - indent);
      const head = `    ${field.path.padEnd(left)}  ${absence(field).padEnd(middle)}  ${first}`;
      return [head, ...more.map((line) => " ".repeat(indent) + line)];
    })
    .join("\n");
}

/** Lines of at most `width` characters; the last word, the example, is set off by two spaces. */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const [i, word] of words.entries()) {
    const gap = i === words.length - 1 ? "  " : " ";
    const last = lines.at(-1);
    if (last !== undefined && last.length + gap.length + word.length <= width)
      lines[lines.length - 1] = `${last}${gap}${word}`;
    else lines.push(word);
  }
  return lines;
}

function absence({ isRequired, absent }: FieldRow): string {
  return isRequired ? "required" : absent === "" ? "-" : absent;
}
