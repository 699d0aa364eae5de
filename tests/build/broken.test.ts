// The broken workspaces of tests/workspace/broken, built by the executable: the same messages, exit 2, nothing changed.

import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { catalogContent } from "../support/catalog-content.ts";
import { useFileBucket } from "../support/use.ts";
import { readCase, writeCase } from "../workspace/case.ts";

const directory = join(import.meta.dir, "../workspace/broken");
const cases = readdirSync(directory).sort();

const bucket = useFileBucket();
let before: string;

beforeAll(async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  writeBareJob(bucket, "kept", { selectors: ["worker"] });
  await build(bucket);
  before = catalogContent(bucket);
});

describe("maand build", () => {
  for (const name of cases) {
    const { errors, warnings, entries, selector } = readCase(join(directory, name));
    test(name, async () => {
      bucket.remove("workspace");
      bucket.write("maand.conf", `job_config_selector = "${selector}"\n`);
      writeCase(bucket.dir, entries);
      const outcome = await bucket.maandJson<{
        error?: { faults: object[] };
        build?: { warnings: object[] };
      }>("build");
      if (errors.length === 0) {
        expect(outcome.code).toBe(0);
        expect(outcome.json.build?.warnings).toHaveLength(warnings.length);
        for (const warning of warnings) expect(outcome.stderr).toContain(warning);
        before = catalogContent(bucket);
        return;
      }
      const count = errors.length === 1 ? "1 problem" : `${errors.length} problems`;
      expect(outcome.stderr).toBe(`${[...errors, `build failed: ${count}`].join("\n")}\n`);
      expect(outcome.code).toBe(2);
      expect(outcome.json.error?.faults).toHaveLength(errors.length);
      expect(catalogContent(bucket)).toBe(before);
    });
  }
});
