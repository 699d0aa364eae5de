// Rendering files: the context, choosing the language, sharing parses, and what errors say.

import { describe, expect, test } from "bun:test";
import { formatPlace, MaandError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";
import { parseCount, renderedPath, renderGoTemplate, renderTemplate } from "../../src/templates/render.ts";
import { testEnvironment, testStore } from "../support/builders/template-environment.ts";
import { maandErrorBy } from "../support/thrown.ts";

const namespaces = {
  "vars/job/api": { name: "bob", empty: "" },
  "maand/job/api": { port_http: "8080", memory: "512" },
  "maand/job/api/worker/10.0.0.2": { version: "1.0.0", "certs/web.key": new Secret("PRIVATE") },
  "maand/job/db": { port_sql: "5432" },
  "maand/bucket": { bucket_id: "b1" },
  "secrets/job/api": { password: new Secret("hunter2") },
};

function render(text: string, more = {}): string {
  return renderGoTemplate({ path: "jobs/api/config.tpl", text }, testEnvironment(namespaces, {}, more));
}

function said(text: string, more = {}): string {
  const error = maandErrorBy(() => render(text, more));
  return `${formatPlace(error.where)}: ${error.message}`;
}

describe("context", () => {
  test("has every field of the contract", () => {
    const fields =
      "AllocationID Job CurrentVersion NewVersion WorkerIP WorkerID Labels BucketPath JobPath AllocationIndex Hostname Zone Tags Peers";
    const text = fields.split(" ").map((field) => `{{.${field}}}`);
    expect(render(text.join("|"))).toBe(
      "0a1b|api|1.0.0|1.1.0|10.0.0.2|w2|[api worker]|/opt/worker/b|/opt/worker/b/jobs/api|1||EU-1|map[zone:eu-1]|[10.0.0.1]",
    );
  });

  test("an unknown field is an error that names the nearest", () => {
    const error = maandErrorBy(() => render("{{.Jop}}"));
    expect(error.message).toContain("Jop");
    expect(error.hint).toContain('"Job"');
  });

  test("fields that the caller leaves out do not exist", () => {
    const environment = { data: { Job: "api" }, store: testStore(namespaces), revealSecrets: true };
    const file = { path: "scrape.yaml.tpl", text: "{{.Job}}{{.WorkerIP}}" };
    expect(() => renderGoTemplate(file, environment)).toThrow("WorkerIP");
    const worker = { ...file, text: '{{getJobWorker "version"}}' };
    expect(() => renderGoTemplate(worker, environment)).toThrow('"getJobWorker" is not defined');
  });

  test("the caller can add functions and take some away", () => {
    const functions = new Map([["scrapeConfigs", { parameters: [], call: () => "- job_name: x" }]]);
    expect(render("{{ scrapeConfigs }}", { functions })).toBe("- job_name: x");
    expect(said('{{ port "http" }}', { withoutFunctions: ["port"] })).toContain('"port" is not defined');
  });
});

describe("errors", () => {
  test("name file, line and column, the action, namespace and key, and the allocation", () => {
    const error = maandErrorBy(() => render('one\ntwo {{ get "vars/job/api" "nmae" }}'));
    expect(`${formatPlace(error.where)}: ${error.message}`).toBe(
      'jobs/api/config.tpl:2:8: <get "vars/job/api" "nmae">: key "nmae" does not exist in namespace "vars/job/api"',
    );
    expect(error.kind).toBe("render");
    expect(error.why).toContain("api@10.0.0.2");
    expect(error.hint).toContain('"name"');
  });

  test("columns count characters, not bytes or UTF-16 units", () => {
    expect(said("äö😀 {{ index .Labels 7 }}")).toStartWith("jobs/api/config.tpl:1:8: ");
  });

  test("an unknown function is found before anything runs, with a suggestion", () => {
    const error = maandErrorBy(() => render("{{ if false }}{{ uper .Job }}{{ end }}"));
    expect(formatPlace(error.where)).toBe("jobs/api/config.tpl:1:18");
    expect(error.message).toBe('function "uper" is not defined');
    expect(error.hint).toContain('"upper"');
  });

  test("an error inside a template that is called has the place of its own action", () => {
    expect(said('{{define "x"}}\n  {{ fromJson "{" }}{{end}}\n\n{{template "x"}}')).toStartWith(
      "jobs/api/config.tpl:2:6: <fromJson",
    );
  });

  test("a forbidden namespace is named, for getOptional too", () => {
    const store = testStore(namespaces, ["secrets/job/db", "maand/job/db"]);
    for (const text of [
      '{{get "secrets/job/db" "x"}}',
      '{{getOptional "secrets/job/db" "x"}}',
      '{{getSecret "secrets/job/db" "x"}}',
      '{{keys "secrets/job/db"}}',
    ]) {
      const error = maandErrorBy(() => render(text, { store }));
      expect(error.message).toContain('"secrets/job/db"');
      expect(error.hint).toContain("demand");
      expect(error.where.line).toBe(1);
    }
    expect(maandErrorBy(() => render('{{port "sql" "db"}}', { store })).message).toContain('"maand/job/db"');
  });

  test("a catalog that cannot be read stays an error of the catalog", () => {
    const store = {
      ...testStore(namespaces),
      get: () => {
        throw new MaandError("catalog", "kv.key is missing");
      },
    };
    const error = maandErrorBy(() => render('{{get "a" "b"}}', { store }));
    expect([error.kind, error.message]).toEqual(["catalog", "kv.key is missing"]);
  });
});

describe("files", () => {
  test("the suffix is dropped", () => {
    expect(["a.conf.tpl", "b/c.eta", "Makefile.tpl", "x.tpl.txt", "plain"].map(renderedPath)).toEqual([
      "a.conf",
      "b/c",
      "Makefile",
      undefined,
      undefined,
    ]);
  });

  test("the suffix chooses the language", async () => {
    const environment = testEnvironment(namespaces);
    const go = await renderTemplate({ path: "x.tpl", text: "{{.Job}}<%= it.Job %>" }, environment);
    const eta = await renderTemplate({ path: "x.eta", text: "{{.Job}}<%= it.Job %>" }, environment);
    expect([go, eta]).toEqual(["api<%= it.Job %>", "{{.Job}}api"]);
  });

  test("10,000 small renders share one parse", () => {
    const file = {
      path: "jobs/api/many.tpl",
      text: '{{.Job}}-{{.AllocationIndex}} {{get "vars/job/api" "name"}}',
    };
    const before = parseCount();
    const seen = new Set<string>();
    for (let index = 0; index < 10_000; index++) {
      seen.add(renderGoTemplate(file, testEnvironment(namespaces, { AllocationIndex: index })));
    }
    expect(seen.size).toBe(10_000);
    expect(parseCount() - before).toBe(1);
  });

  test("a changed text and another set of functions are parsed anew", () => {
    const before = parseCount();
    render("{{/* 1 */}}same path");
    render("{{/* 2 */}}same path");
    render("{{/* 2 */}}same path");
    render("{{/* 2 */}}same path", { withoutFunctions: ["add"] });
    expect(parseCount() - before).toBe(3);
  });

  test("the same input gives the same output", () => {
    const text = '{{range keys "vars/job/api"}}{{.}} {{end}}{{toJson .Tags}}{{printf "%v" .}}';
    expect(render(text)).toBe(render(text));
  });
});
