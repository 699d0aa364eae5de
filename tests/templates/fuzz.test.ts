// No text may make the parser or the evaluator crash or hang.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MaandError } from "../../src/model/error.ts";
import { renderGoTemplate } from "../../src/templates/render.ts";
import { testEnvironment } from "../support/builders/template-environment.ts";

function render(text: string): string {
  return renderGoTemplate({ path: "t.tpl", text }, testEnvironment({}));
}

describe("any text", () => {
  const pieces = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ..."{{ }} {{- -}} {{/* */}} ( ) | . .x $ $x := = , \"a\" `b` 'c' 1 -1 0x 1.5e3 1i nil true print printf index".split(
        " ",
      ),
      ...'"%d" "%[1]*.3f" if else end range with define "x" template block break continue get .Job .Labels .Tags and eq'.split(
        " ",
      ),
    ),
    fc.constantFrom(" ", "\n", "{", "\\", "\u0000", "\ufeff", "é", "😀", "\udc80", "\ud800"),
  );
  const source = fc.array(pieces, { maxLength: 30 }).map((list) => list.join(""));
  const action = fc.array(pieces, { maxLength: 12 }).map((list) => `a{{${list.join(" ")}}}b`);

  test("gives text or an error with a place", () => {
    fc.assert(
      fc.property(fc.oneof(source, action), (text) => {
        try {
          expect(typeof render(text)).toBe("string");
        } catch (thrown) {
          if (!(thrown instanceof MaandError)) throw thrown;
          expect(thrown.kind).toBe("render");
          expect(thrown.where.line).toBeGreaterThanOrEqual(1);
          expect(thrown.where.column).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 100_000 },
    );
  }, 120_000);

  test("without actions is copied as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(!text.includes("{{") && text.isWellFormed());
        expect(render(text)).toBe(text);
      }),
    );
  });
});
