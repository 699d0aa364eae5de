// Broken workspaces with the full text of every message. `UPDATE_GOLDEN=1` writes the texts anew.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatDiagnostic } from "../../src/model/diagnostic.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { readWorkspace } from "../../src/workspace/read.ts";
import { messages, warnings } from "../support/checked.ts";
import { expectedOf, readCase, writeCase } from "./case.ts";

const directory = join(import.meta.dir, "broken");
const cases = readdirSync(directory).sort();

describe("broken workspaces", () => {
  test("there are at least twenty", () => {
    expect(cases.length).toBeGreaterThanOrEqual(20);
  });

  for (const name of cases) {
    test(name, () => {
      const { entries, selector } = readCase(join(directory, name));
      const root = mkdtempSync(join(tmpdir(), "maand-broken-"));
      try {
        writeCase(root, entries);
        const checked = checkWorkspace(readWorkspace(root, selector));
        const said = { errors: messages(checked), warnings: warnings(checked).map(formatDiagnostic) };
        const expected = expectedOf(join(directory, name), said);
        expect(said.errors).toEqual(expected.errors);
        expect(said.warnings).toEqual(expected.warnings);
        expect(checked.ok).toBe(expected.errors.length === 0);
      } finally {
        rmSync(root, { recursive: true });
      }
    });
  }
});
