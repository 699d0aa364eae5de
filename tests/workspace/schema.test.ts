// The JSON Schemas for editors say what the parser does: they come from one definition, and this holds them to it.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { schemaText } from "../../src/commands/schema/run.ts";
import { MaandError } from "../../src/model/error.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { manifestRows } from "../../src/workspace/field-table.ts";
import { jsonSchema, schemaNames } from "../../src/workspace/schema.ts";
import { file, source } from "../support/builders/workspace-source.ts";
import { checkedValue, errors } from "../support/checked.ts";

type Schema = Record<string, unknown>;

const knownKeywords = new Set(
  "$schema title description examples default type properties required additionalProperties propertyNames items pattern enum const anyOf oneOf minimum exclusiveMinimum maximum minItems".split(
    " ",
  ),
);

/** An independent check of the JSON Schema keywords that occur; any other keyword fails the test. */
function accepts(schema: Schema, value: unknown): boolean {
  for (const keyword of Object.keys(schema))
    if (!knownKeywords.has(keyword)) throw new Error(`unexpected keyword ${keyword}`);
  const any = (schemas: unknown) => (schemas as Schema[]).filter((one) => accepts(one, value)).length;
  if (schema.anyOf !== undefined && any(schema.anyOf) === 0) return false;
  if (schema.oneOf !== undefined && any(schema.oneOf) !== 1) return false;
  if (schema.enum !== undefined && !(schema.enum as unknown[]).includes(value)) return false;
  if (schema.const !== undefined && schema.const !== value) return false;
  if (schema.type !== undefined && !hasType(value, String(schema.type))) return false;
  if (typeof value === "string")
    return schema.pattern === undefined || new RegExp(String(schema.pattern), "u").test(value);
  if (typeof value === "number") {
    if (value <= Number(schema.exclusiveMinimum ?? -Infinity)) return false;
    return value >= Number(schema.minimum ?? -Infinity) && value <= Number(schema.maximum ?? Infinity);
  }
  if (Array.isArray(value)) {
    if (value.length < Number(schema.minItems ?? 0)) return false;
    return value.every((item) => accepts((schema.items ?? {}) as Schema, item));
  }
  if (typeof value !== "object" || value === null) return true;
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  if (((schema.required ?? []) as string[]).some((name) => !Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, inner]) => {
    if (schema.propertyNames !== undefined && !accepts(schema.propertyNames as Schema, name)) return false;
    if (Object.hasOwn(properties, name)) return accepts(properties[name]!, inner);
    if (schema.additionalProperties === false) return false;
    return (
      typeof schema.additionalProperties !== "object" || accepts(schema.additionalProperties as Schema, inner)
    );
  });
}

function hasType(value: unknown, type: string): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}

const scalar = fc.constantFrom<unknown>(
  0,
  1,
  -1,
  1.5,
  80,
  70000,
  "",
  "a",
  "1.2",
  "512 mb",
  "2 ghz",
  "x y",
  true,
  null,
);
const value = (...likely: unknown[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...likely) }, scalar);
const record = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc
    .oneof(
      { weight: 9, arbitrary: fc.record({ ...fields, extra: fc.constant(1) }, { requiredKeys: [] }) },
      scalar,
    )
    .map((made) => {
      // A field that is nobody's is rare, or hardly any document would be valid.
      if (typeof made === "object" && made !== null && JSON.stringify(made).length % 7 !== 0)
        Reflect.deleteProperty(made, "extra");
      return made;
    });

const port = value({}, 80, 8080);
const documents: Record<string, fc.Arbitrary<unknown>> = {
  manifest: record({
    version: value("1.0.0", "v1", "1.2.3-rc.1"),
    selectors: value(["web"], [" a "], []),
    max_concurrent_upgrades: value(1, 2),
    restart_policy: value("reload"),
    restart_globs: value(["*.yml"], []),
    resources: record({
      memory: record({ min: value("512 mb", 5), max: value("8 GB", 4096) }),
      ports: record({ http: port, bad_name: port }),
    }),
    health_check: record({
      checks: fc.array(
        record({
          type: value("tcp", "http", "ssh", "file"),
          port: value("http"),
          command: value("true"),
          path: value("/", "/health", "data/ready", "../ready"),
          max_age_seconds: value(0.5, 60),
          contains: value("up"),
        }),
        { maxLength: 2 },
      ),
      wait: record({ attempts: value(3), interval_seconds: value(0.5) }),
      timeout_seconds: value(2, 0.5),
    }),
    certs: record({
      tls: record({
        subject: record({ common_name: value("api") }),
        one: value(true),
        key: value("rsa-2048"),
      }),
    }),
  }),
  workers: fc.array(
    record({
      host: value("10.0.0.1", "w1"),
      labels: value(["web"], []),
      memory: value("8 gb"),
      cpu: value(4000),
      tags: record({ zone: value("a") }),
      position: value(0, 3),
    }),
    { maxLength: 2 },
  ),
  disabled: record({
    jobs: record({ api: record({ allocations: value(["10.0.0.1"], []) }) }),
    workers: value(["10.0.0.1"], []),
  }),
};

function parserAccepts(name: string, document: unknown): boolean {
  const text = JSON.stringify(document);
  if (name === "manifest") {
    const files = [file("Makefile"), file("manifest.json", text)];
    return checkedValue(checkWorkspace(source({}, { api: files }))) !== undefined;
  }
  return checkedValue(checkWorkspace(source({ [`${name}.json`]: text }))) !== undefined;
}

/** Rules that a JSON Schema cannot hold: they relate fields, or need code to judge one text. */
function hasOnlyCodeFaults(name: string, document: unknown): boolean {
  const text = JSON.stringify(document);
  const files = name === "manifest" ? {} : { [`${name}.json`]: text };
  const jobs = name === "manifest" ? { api: [file("Makefile"), file("manifest.json", text)] } : {};
  const codeRules = [
    "use no more than",
    "keep one",
    "restart_globs",
    "resources.ports",
    "already that of",
    '"host" is',
    '"common_name"',
  ];
  return errors(checkWorkspace(source(files, jobs as never))).every(({ message, hint }) =>
    codeRules.some((rule) => `${message}; ${hint}`.includes(rule)),
  );
}

describe("schema and parser", () => {
  for (const name of schemaNames)
    test(`${name}: what one accepts, the other accepts`, () => {
      const schema = jsonSchema(name);
      const seen = { accepted: 0, refused: 0 };
      fc.assert(
        fc.property(documents[name]!, (document) => {
          const parsed = parserAccepts(name, document);
          const valid = accepts(schema, document);
          seen[parsed ? "accepted" : "refused"] += 1;
          if (parsed) expect(valid).toBe(true);
          else if (valid) expect(hasOnlyCodeFaults(name, document)).toBe(true);
        }),
        { numRuns: 1500 },
      );
      // The generator must reach both sides, or the comparison says nothing.
      expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50);
    });

  test("every field of a manifest has a description, and an example that the schema takes", () => {
    const visit = (schema: Schema, path: string): void => {
      const inner = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
      for (const [name, field] of inner) {
        const at = `${path}.${name}`;
        expect([at, typeof field.description, Array.isArray(field.examples)]).toEqual([at, "string", true]);
        for (const example of field.examples as unknown[])
          expect([at, example, accepts(field, example)]).toEqual([at, example, true]);
        visit(field, at);
      }
      for (const part of [schema.items, schema.additionalProperties, ...((schema.oneOf ?? []) as Schema[])])
        if (typeof part === "object" && part !== null) visit(part as Schema, path);
    };
    visit(jsonSchema("manifest"), "manifest");
    const described = manifestRows().filter(({ description, example }) => description && example);
    expect(described.length).toBe(manifestRows().length);
    expect(described.map(({ path }) => path)).toContain("health_check.checks[http].expect_status");
  });

  test("the example of every field of a manifest is one that maand takes, with what it refers to", () => {
    for (const { path, example } of manifestRows().filter((row) => !/[.[]/.test(row.path))) {
      const document = {
        version: "1",
        restart_policy: "reload",
        resources: { ports: { http: {} } },
        [path]: JSON.parse(example!),
      };
      const files = [
        file("Makefile"),
        file("_hooks/hook_init.py"),
        file("manifest.json", JSON.stringify(document)),
      ];
      expect([path, errors(checkWorkspace(source({}, { api: files })))]).toEqual([path, []]);
    }
  });

  test("editors see the defaults and meanings", () => {
    const { properties } = jsonSchema("manifest") as { properties: Record<string, Schema> };
    expect(properties.max_concurrent_upgrades).toMatchObject({ default: 1, minimum: 1 });
    expect(properties.restart_policy).toMatchObject({
      default: "always",
      enum: ["always", "reload", "never"],
    });
    expect(properties.version?.default).toBe("0.0.0");
    expect(properties.selectors?.description).toBeString();
  });

  test("$schema is a field of the objects", () => {
    for (const name of ["manifest", "disabled"] as const)
      expect((jsonSchema(name).properties as Schema).$schema).toBeDefined();
    expect(parserAccepts("manifest", { $schema: "../../.schema/manifest.json" })).toBe(true);
  });
});

describe("maand schema", () => {
  for (const name of schemaNames)
    test(`${name} prints JSON`, () => {
      const text = schemaText(name);
      expect(text).toEndWith("\n");
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(jsonSchema(name))));
    });

  test("an unknown name is a usage error with a suggestion", () => {
    expect(() => schemaText("manifets")).toThrow(MaandError);
    try {
      schemaText("manifets");
    } catch (thrown) {
      expect(thrown).toMatchObject({ kind: "usage", hint: 'did you mean "manifest"?' });
    }
  });
});
