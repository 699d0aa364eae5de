// The texts that init adds to: nothing of the user's is lost, and adding twice is adding once.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { sudoersLines } from "../../src/commands/init/report.ts";
import { schemaFile, withSchemas } from "../../src/init/editor.ts";
import { withIgnores } from "../../src/init/place.ts";

test("ignores are added to any .gitignore, once", () => {
  fc.assert(
    fc.property(fc.string(), (existing) => {
      const text = withIgnores(existing);
      if (text === undefined) return;
      expect(text.startsWith(existing)).toBe(true);
      expect(withIgnores(text)).toBeUndefined();
    }),
  );
  expect(withIgnores("data\n/secrets\ntmp/\r\n/logs/")).toBeUndefined();
  expect(withIgnores("data/\n")).toContain("/secrets/\n/tmp/\n/logs/\n");
  expect(withIgnores("# data/\n")).toContain("\n/data/\n");
});

test("schemas are added to any settings, which keep all they had", () => {
  const other = { fileMatch: ["*.x"], url: "./x.json" };
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (settings, listed) => {
      const before = { ...settings, ...(listed ? { "json.schemas": [other] } : {}) };
      const text = withSchemas(JSON.stringify(before));
      if (text === undefined) return;
      const after = JSON.parse(text);
      expect(after["json.schemas"]).toHaveLength(listed ? 4 : 3);
      if (listed) expect(after["json.schemas"][0]).toEqual(other);
      for (const key of Object.keys(JSON.parse(JSON.stringify(before))))
        if (key !== "json.schemas") expect(Object.hasOwn(after, key)).toBe(true);
      expect(withSchemas(text)).toBeUndefined();
    }),
  );
  expect(withSchemas('{ // mine\n "a": 1 }')).toContain("// mine");
});

test.each(["[]", "{", '{"json.schemas": "mine"}', "null"])(
  "settings that cannot be added to stay: %p",
  (text) => {
    expect(withSchemas(text)).toBeUndefined();
  },
);

test("a schema file of ours is brought up to date, another one is kept", () => {
  const old = schemaFile({ title: "old" }, undefined)!;
  expect(schemaFile({ title: "old" }, old)).toBeUndefined();
  expect(JSON.parse(schemaFile({ title: "new" }, old)!).title).toBe("new");
  expect(schemaFile({ title: "new" }, '{"title": "mine"}')).toBeUndefined();
  expect(schemaFile({ title: "new" }, "not json")).toBeUndefined();
});

test("the sudoers lines name programs only, each by both of its paths", () => {
  const [defaults, rule] = sudoersLines("ops");
  expect(defaults).toBe("Defaults:ops !requiretty");
  const programs = rule!.replace("ops ALL=(root) NOPASSWD: ", "").split(", ");
  expect(programs).toEqual(
    ["bash", "env", "mkdir", "rm", "rsync", "sh"].flatMap((name) => [`/usr/bin/${name}`, `/bin/${name}`]),
  );
});
