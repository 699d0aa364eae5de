// Broken workspaces with the full text of every message.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatDiagnostic } from "../../src/model/diagnostic.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { readWorkspace } from "../../src/workspace/read.ts";
import { checkedValue, errors, warnings } from "../support/checked.ts";
import { readCase, writeCase } from "./case.ts";

const directory = join(import.meta.dir, "broken");
const cases = readdirSync(directory).sort();

describe("broken workspaces", () => {
  test("there are at least twenty", () => {
    expect(cases.length).toBeGreaterThanOrEqual(20);
  });

  for (const name of cases) {
    test(name, () => {
      const expected = readCase(join(directory, name));
      const root = mkdtempSync(join(tmpdir(), "maand-broken-"));
      try {
        writeCase(root, expected.entries);
        const checked = checkWorkspace(readWorkspace(root, expected.selector));
        expect(errors(checked).map(formatDiagnostic)).toEqual(expected.faults);
        expect(warnings(checked).map(formatDiagnostic)).toEqual(expected.warnings);
        expect(checkedValue(checked) === undefined).toBe(expected.faults.length > 0);
      } finally {
        rmSync(root, { recursive: true });
      }
    });
  }
});
