// What each path of a job is.

import { describe, expect, test } from "bun:test";
import { isHostOnly, isInput, isSynced, isTemplate, outputPath } from "../../src/model/job-paths.ts";

describe("paths of a job", () => {
  for (const [path, synced, template, output, input] of [
    ["Makefile", true, false, "Makefile", false],
    ["Makefile.tpl", false, true, "Makefile", true],
    ["conf/a.yml.eta", false, true, "conf/a.yml", true],
    ["conf/.tpl", true, false, "conf/.tpl", false],
    [".eta", true, false, ".eta", false],
    ["a/.x.eta", false, true, "a/.x", true],
    ["a.tpl.bak", true, false, "a.tpl.bak", false],
    ["manifest.json", false, false, "manifest.json", true],
    ["vars.conf", false, false, "vars.conf", true],
    ["conf/manifest.json", true, false, "conf/manifest.json", false],
    ["conf/vars.conf", true, false, "conf/vars.conf", false],
    ["_hooks", false, false, "_hooks", false],
    ["_hooks/a.tpl", false, false, "_hooks/a.tpl", false],
    ["_prometheus/scrape.yaml.tpl", false, false, "_prometheus/scrape.yaml.tpl", false],
    ["_hooks2/a", true, false, "_hooks2/a", false],
    ["sub/_hooks/a", true, false, "sub/_hooks/a", false],
    ["data", false, false, "data", false],
    ["data/x", false, false, "data/x", false],
    ["bin/x", false, false, "bin/x", false],
    ["sub/data/x", true, false, "sub/data/x", false],
  ] as const)
    test(path, () => {
      expect([isSynced(path), isTemplate(path), outputPath(path), isInput(path)]).toEqual([
        synced,
        template,
        output,
        input,
      ]);
    });

  test("_hooks/ and _prometheus/ stay on the host", () => {
    expect(["_hooks", "_hooks/x/y", "_prometheus/a", "hooks", "a/_hooks"].map(isHostOnly)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
