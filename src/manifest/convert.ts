// From what a file says to the values that the code works with, and back: both directions stand side by side, so that
// a value of the catalog is written as the file would say it and read through the same schema as the file.

import { z } from "zod";

/** A schema whose output is `decode` of what `from` gives; `encode` leads back to it. */
export function converted<S extends z.ZodType, T>(
  from: S,
  decode: (written: z.output<S>) => T,
  encode: (value: T) => z.output<S>,
) {
  // What `decode` returns is taken as it is: any() costs nothing where custom() would run a check.
  return z.codec(from, z.any() as unknown as z.ZodType<T, T>, {
    decode: (written) => decode(written),
    encode: (value) => encode(value),
  });
}

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

type Flat<T> = { [K in keyof T]: T[K] };

/** Fields that may be undefined may be absent instead. */
type Present<T> = Flat<
  { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
    [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
  }
>;

/** The same fields in camelCase, undefined ones left out. */
export type CamelKeys<T> = Present<{ [K in keyof T as K extends string ? CamelCase<K> : K]: T[K] }>;

/** `stop_timeout` → `stopTimeout`, for the names of an object's own fields, not of theirs. */
export function camelKeys<T extends object>(value: T): CamelKeys<T> {
  return rename(value, camelName) as CamelKeys<T>;
}

/** The way back from `camelKeys`. */
export function snakeKeys<T extends object>(value: CamelKeys<T>): T {
  return rename(value, snakeName) as T;
}

/** The fields that are not undefined. */
export function present<T>(value: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return rename(value, (key) => key) as Record<string, T>;
}

const camelName = remembered((key) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
const snakeName = remembered((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

/** There are few field names, and every manifest of a catalog asks for all of them. */
function remembered(name: (key: string) => string): (key: string) => string {
  const known = new Map<string, string>();
  return (key) => {
    let found = known.get(key);
    if (found === undefined) {
      found = name(key);
      known.set(key, found);
    }
    return found;
  };
}

function rename(value: object, name: (key: string) => string): object {
  const renamed: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) if (field !== undefined) renamed[name(key)] = field;
  return renamed;
}

/** An object schema whose output has its field names in camelCase. */
export function camelCased<S extends z.ZodType<object>>(from: S) {
  return converted(
    from,
    (written) => camelKeys(written),
    (value) => snakeKeys<z.output<S>>(value),
  );
}

/** An object from names to things as a list of things with a `name`, sorted by it. */
export function listed<T extends object>(from: z.ZodType<Record<string, T>>) {
  return converted(
    from,
    (written) =>
      Object.keys(written)
        .sort()
        .map((name): Flat<{ name: string } & T> => ({ name, ...written[name]! })),
    (list) => Object.fromEntries(list.map(({ name, ...thing }) => [name, thing as unknown as T])),
  );
}
