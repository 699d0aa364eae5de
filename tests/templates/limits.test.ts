// No template may hang maand or use up its memory.

import { describe, expect, test } from "bun:test";
import { MaandError } from "../../src/model/error.ts";
import { limits } from "../../src/templates/go/limits.ts";
import { renderGoTemplate, renderTemplate } from "../../src/templates/render.ts";
import { testEnvironment } from "../support/builders/template-environment.ts";

function render(text: string): string {
  return renderGoTemplate({ path: "t.tpl", text }, testEnvironment({}));
}

function refusal(text: string): string {
  try {
    render(text);
  } catch (thrown) {
    if (thrown instanceof MaandError) return thrown.message;
    throw thrown;
  }
  return "";
}

describe("limits", () => {
  test("endless and enormous loops", () => {
    expect(refusal("{{range 9000000000000000}}{{end}}")).toContain(`${limits.steps} steps`);
    expect(refusal("{{range 100000}}{{range 100000}}{{$x := 1}}{{end}}{{end}}")).toContain("steps");
  });

  test("endless recursion", () => {
    expect(refusal('{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}')).toContain(`${limits.depth}`);
    expect(
      refusal(
        '{{define "x"}}{{if true}}{{with .}}{{range 1}}{{template "x" $}}{{end}}{{end}}{{end}}{{end}}{{template "x" .}}',
      ),
    ).toContain("inside each other");
    const parentheses = `${"(".repeat(190)}print .${")".repeat(190)}`;
    expect(
      refusal(`{{define "x"}}{{with ${parentheses}}}{{template "x" $}}{{end}}{{end}}{{template "x" .}}`),
    ).toContain("inside each other");
  });

  test("recursion that ends is fine", () => {
    const text =
      '{{define "x"}}{{if gt . 0}}{{.}} {{template "x" sub . 1}}{{end}}{{end}}{{template "x" 200}}';
    expect(render(text)).toStartWith("200 199 198 ");
  });

  test("nesting in the source", () => {
    const deep = 100_000;
    expect(refusal(`{{${"(".repeat(deep)}1${")".repeat(deep)}}}`)).toContain(`${limits.nesting}`);
    expect(refusal("{{if 1}}".repeat(deep))).toContain(`${limits.nesting}`);
    expect(refusal(`{{if 1}}${"{{else if 1}}".repeat(deep)}{{end}}`)).toContain(`${limits.nesting}`);
    expect(render(`${"{{if 1}}".repeat(150)}x${"{{end}}".repeat(150)}`)).toBe("x");
  });

  test("output and values", () => {
    const doubled = '{{$x := "0123456789"}}{{range 40}}{{$x = print $x $x}}{{end}}';
    expect(refusal(doubled)).toContain("larger than");
    expect(refusal('{{$x := indent 1000 ""}}{{range 100000}}{{$x}}{{end}}')).toContain("output is longer");
    expect(refusal('{{printf "%99999999d" 1}}{{printf "%9999999d%9999999d" 1 1}}')).toContain("larger than");
    expect(refusal("{{range 1000}}{{$x := printf `%9999999d` 1}}{{end}}")).toContain("in all");
    expect(refusal('{{$x := indent 100000 ""}}{{replace "" $x $x}}')).toContain("larger than");
    expect(refusal('{{indent 9223372036854775807 "a"}}')).toContain("larger than");
    expect(refusal("{{$x := indent 100000 ``}}{{$y := replace ` ` `\n` $x}}{{indent 100000 $y}}")).toContain(
      "larger than",
    );
    const list = '{{$l := split (indent 100000 "") ""}}';
    expect(refusal(`${list}{{printf "%99999v" $l}}`)).toContain("in all");
    expect(refusal(`${list}{{join $l (indent 100000 "")}}`)).toContain("larger than");
  });

  test("calls on something large, again and again", () => {
    const large = '{{$s := indent 1000000 ""}}{{range 4000000}}';
    expect(refusal(`${large}{{if eq $s $s}}{{end}}{{end}}`)).toContain("in all");
    expect(refusal(`${large}{{$x := index $s 999999}}{{end}}`)).toContain("in all");
    expect(
      refusal(`{{$l := split (indent 100000 "") ""}}{{range 4000000}}{{$l = slice $l 0 99999}}{{end}}`),
    ).not.toBe("");
    expect(render(`[{{trim (print "a" (indent 1000000 "") "b") | len}}]`)).toBe("[1000002]");
    expect(refusal(`{{${"9".repeat(1_000_000)}}}`)).toContain("not a number");
  }, 60_000);

  test("JSON nested without end", () => {
    expect(refusal(`{{fromJson "${"[".repeat(50_000)}${"]".repeat(50_000)}"}}`)).not.toBe("");
  });

  test("an Eta file that does not end is stopped", async () => {
    const file = { path: "t.eta", text: "<% for (;;) {} %>" };
    await expect(renderTemplate(file, testEnvironment({}))).rejects.toThrow("more than 5 seconds");
  }, 30_000);
});
