// Building blocks of the schemas: each carries its hint as its error text.

import { z } from "zod";
import { canonicalLabel, type NameKind, namePatterns } from "../model/names.ts";
import { parseCpu, parseMemory } from "../model/units.ts";
import { converted } from "./convert.ts";

// Parsers that are compiled at run time pay off after thousands of documents; a run reads a few dozen.
z.config({ jitless: true });

/**
 * The schema with what its field means and values that it may have: what editors and help show. It must be the last
 * thing that is done to a schema, and needs one of its own: both are kept for this very schema.
 */
export function about<S extends z.ZodType>(
  schema: S,
  description: string,
  ...examples: [z.input<S>, ...z.input<S>[]]
): S {
  z.globalRegistry.add(schema, { description, examples });
  return schema;
}

/** A whole number of `least` or more, and at most `most`. */
export function whole(least: number, most?: number): z.ZodNumber {
  if (most === undefined)
    return z
      .int({ error: `use a whole number, ${least} or more` })
      .min(least, { error: `use ${least} or more` });
  const error = `use a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** Seconds: any number from `least` on, fractions too. */
export function seconds(least: number): z.ZodNumber {
  const error = `use a number of seconds, ${least} or more`;
  return z.number({ error }).min(least, { error });
}

/** Seconds: any number above 0, fractions too. */
export function positiveSeconds(): z.ZodNumber {
  const error = "use a number of seconds, more than 0";
  return z.number({ error }).gt(0, { error });
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: "use true or false" });
}

/** Text that matches `pattern`; `use` says what does. */
export function text(pattern: RegExp, use: string): z.ZodString {
  return z.string({ error: use }).regex(pattern, { error: use });
}

/** Text that leads nowhere but below where it starts: a path or a glob. `use` says what it is, the rest is added. */
export function relativePath(use: string): z.ZodString {
  return text(
    /^(?!\/)(?!(?:[^\p{Cc}]*\/)?\.\.(?:\/|$))[^\p{Cc}]{1,1024}$/u,
    `${use}, without .. and without / in front`,
  );
}

export function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, { error: choice(values) });
}

/** The hint that names all values there are, of which there are at least two. */
export function choice(values: readonly unknown[]): string {
  const listed = values.map((value) => `"${value}"`);
  return `use ${listed.slice(0, -1).join(", ")} or ${listed.at(-1)}`;
}

export function list<S extends z.ZodType>(of: S, what: string): z.ZodArray<S> {
  return z.array(of, { error: `use a list of ${what}: [...]` });
}

/** An object of exactly these fields. Unknown ones are left to the caller, who knows the names it should have. */
export function fields<S extends z.core.$ZodLooseShape>(shape: S, use = "use an object: {...}") {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? undefined : use),
  });
}

/** An object from names of that kind to values. */
export function named<S extends z.ZodType>(key: z.ZodString, value: S) {
  return z.record(key, value, { error: "use an object: {...}" });
}

/** A name of that kind (`maand help workspace`, "Names"). */
export function name(kind: NameKind): z.ZodString {
  return text(namePatterns[kind].pattern, nameUse(kind));
}

/** What a name of that kind may look like, as a hint. */
export function nameUse(kind: NameKind): string {
  const first = kind === "hook" || kind === "port" ? "" : ", a letter or digit first";
  return `use ${namePatterns[kind].rule}${first}`;
}

/** A label, selector or tag key: spaces around it are allowed and dropped. */
export function label(): z.ZodString {
  const inner = namePatterns.label.pattern.source.slice(1, -1);
  return text(new RegExp(`^\\s*${inner}\\s*$`), nameUse("label"));
}

/** Labels: canonical, each once, in the order written. */
export function labels() {
  return converted(
    list(label(), "labels"),
    (written) => [...new Set(written.map(canonicalLabel))],
    (canonical) => canonical,
  );
}

/** Memory in MB, written as a number of MB or as text with a unit. */
export function memory() {
  return quantity(
    /^\s*\d{1,15}(?:\.\d{1,15})?\s*(?:[mMgGtT][bB])?\s*$/,
    'use MB as a number, or text such as "512 mb", "2 gb" or "1 tb"',
    parseMemory,
  );
}

/** CPU in MHz, written as a number of MHz or as text with a unit. */
export function cpu() {
  return quantity(
    /^\s*\d{1,15}(?:\.\d{1,15})?\s*(?:(?:[mMgGtT])[hH][zZ])?\s*$/,
    'use MHz as a number, or text such as "500 mhz", "2.4 ghz" or "1 thz"',
    parseCpu,
  );
}

/** @param pattern bounds the digits, so that every text that it accepts is a finite number for `parse` */
function quantity(pattern: RegExp, error: string, parse: (value: string | number) => number | undefined) {
  const written = z.union([z.number({ error }).min(0, { error }), text(pattern, error)], { error });
  return converted(
    written,
    (value) => parse(value)!,
    (amount) => amount,
  );
}

/** The field that editors read; maand does not. */
export function schemaField() {
  const path = z.string({ error: "use the path of a JSON Schema" });
  return about(path, "JSON Schema that editors check with", "../../.schema/manifest.json");
}
