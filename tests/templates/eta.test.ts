// `.eta` files: the same context as `it`, and code that finds nothing but JavaScript.

import { describe, expect, test } from "bun:test";
import { formatPlace, MaandError } from "../../src/model/error.ts";
import { renderTemplate } from "../../src/templates/render.ts";
import { testEnvironment } from "../support/builders/template-environment.ts";

const namespaces = {
  "vars/job/api": { name: "bob", json: '{"port": 8080, "tags": ["a"]}' },
  "maand/job/api": { port_http: "8080" },
};

async function render(text: string): Promise<string> {
  return renderTemplate({ path: "jobs/api/x.eta", text }, testEnvironment(namespaces));
}

async function refusal(text: string): Promise<string> {
  try {
    await render(text);
  } catch (thrown) {
    if (thrown instanceof MaandError) return `${formatPlace(thrown.where)}: ${thrown.message}`;
    throw thrown;
  }
  return "";
}

describe("it", () => {
  test("has the fields", async () => {
    expect(
      await render("<%= it.Job %> <%= it.AllocationIndex + 1 %> <%= it.Labels.length %> <%= it.Tags.zone %>"),
    ).toBe("api 2 2 eu-1");
  });

  test("has the functions, in JavaScript's types", async () => {
    expect(await render('<%= it.get("vars/job/api", "name") %>')).toBe("bob");
    expect(await render('<%= it.port("http") + 1 %>')).toBe("8081");
    expect(await render('<%= it.keys("vars/job/api").map((k) => k.length).join() %>')).toBe("4,4");
    expect(await render('<%= it.fromJson(it.get("vars/job/api", "json")).tags[0] %>')).toBe("a");
    expect(await render("<%= it.toJson({b: [1, 2.5, null], a: 'x'}) %>")).toBe('{"a":"x","b":[1,2.5,null]}');
    expect(
      await render("<%= it.add(1, 2, 3) %> <%= it.div(7, 2) %> <%= it.split('a,b', ',').join('|') %>"),
    ).toBe("6 3 a|b");
    expect(await render('<%= it.getOptional("vars/job/api", "none") || "none" %>')).toBe("none");
  });

  test("does not escape", async () => {
    expect(await render("<%= '<&>\"' %><%~ '<&>' %>")).toBe('<&>"<&>');
  });

  test("runs code", async () => {
    expect(await render("<% for (const l of it.Labels) { %>[<%= l %>]<% } %>")).toBe("[api][worker]");
  });
});

describe("errors", () => {
  test("of functions name the line and the key", async () => {
    expect(await refusal('one\ntwo\n<%= it.get("vars/job/api", "nmae") %>')).toBe(
      'jobs/api/x.eta:3: <it.get>: key "nmae" does not exist in namespace "vars/job/api"',
    );
  });

  test("of the code name the line", async () => {
    expect(await refusal("a\n<%= nothing.here %>")).toStartWith("jobs/api/x.eta:2: ReferenceError: ");
    expect(await refusal("a\nb\n<% if ( { %>x<% } %>")).toStartWith("jobs/api/x.eta:3: the JavaScript");
    expect(await refusal("a\n  <%= it.Job")).toStartWith("jobs/api/x.eta:2:3: ");
  });

  test("names that do not exist, undefined and objects are not printed", async () => {
    expect(await refusal("<%= it.Jop %>")).toContain("there is no it.Jop");
    expect(await refusal("<%= it.Tags.none %>")).toContain("prints undefined");
    expect(await refusal("<%= it.Tags %>")).toContain("prints an object");
    expect(await refusal("<%= it.upper %>")).toContain("prints a function");
    expect(await refusal("<%= it.upper(it.Tags.none) %>")).toContain("given undefined");
    expect(await refusal("<% it.Job = 'x' %>")).toContain("cannot be set");
  });
});

describe("the code", () => {
  test("has no clock, chance, environment, files or network", async () => {
    for (const name of [
      "Date",
      "process",
      "Bun",
      "require",
      "fetch",
      "performance",
      "crypto",
      "setTimeout",
      "console",
    ]) {
      expect(await render(`<%= typeof ${name} %>`), name).toBe("undefined");
    }
    expect(await render("<%= typeof Math.random %> <%= Math.max(1, 2) %>")).toBe("undefined 2");
    expect(await refusal('<%~ include("/etc/hostname") %>')).toContain("include");
    expect(await refusal('<% layout("/etc/hostname") %>')).toContain("include and layout");
  });

  test("leaves nothing behind for the next file", async () => {
    await render("<% globalThis.left = 1; Object.prototype.left = 2; %>x");
    expect(await render("<%= typeof left %> <%= typeof ({}).left %>")).toBe("undefined undefined");
    expect(({} as Record<string, unknown>).left).toBeUndefined();
  });
});
