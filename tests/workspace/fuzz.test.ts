// Every parser of this room on damaged files: never a crash, and every message is fit to print.
// FUZZ_RUNS sets the number of inputs per parser (20000 gives more than 100,000 in all).

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseConf } from "../../src/bucket/conf.ts";
import { type Diagnostic, formatDiagnostic } from "../../src/model/diagnostic.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import type { JobFile } from "../../src/workspace/types.ts";
import { file, source } from "../support/builders/workspace-source.ts";
import { checkedValue, errors, warnings } from "../support/checked.ts";

const runs = Number(process.env.FUZZ_RUNS ?? 1500);

const pieces = [
  ..."{}[]\",:'=.#\\\n\r\t\0\u0007\u2028\ufeff\ud800€ -+".split(""),
  "null",
  "true",
  "1e999",
  "-1",
  "0",
  "\\u0000",
  "__proto__",
  "constructor",
  "toString",
  '"""',
  "'''",
  "[[",
  "]]",
  "../",
  "inf",
  "nan",
  "1979-05-27",
  "99999999999999999999",
  '{"a":1}',
  "[x]\n",
  "a = 1\n",
  "hook_a",
  "\r\n",
];

/** A good text with a few pieces put in, taken out or doubled. */
function damaged(text: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(),
    cut: fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, fc.nat(40)),
    put: fc.oneof(
      fc.constant(""),
      fc.constantFrom(...pieces),
      fc.nat(text.length).map((from) => text.slice(from, from + 12)),
    ),
  });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) =>
    edits.reduce((result, { at, cut, put }) => {
      const from = at % (result.length + 1);
      return result.slice(0, from) + put + result.slice(from + cut);
    }, text),
  );
}

function expectPrintable(found: readonly Diagnostic[]): void {
  for (const diagnostic of found) {
    const message = formatDiagnostic(diagnostic);
    expect(message).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(diagnostic.message).not.toBe("");
    expect(diagnostic.hint).not.toMatch(
      /^$|^(?!known are ).*(?<!\.\.)\.$|Invalid|expected \w+, received|undefined/,
    );
    expect(message.length).toBeLessThan(1200);
    const { line, column = 1 } = diagnostic.place;
    if (line !== undefined) expect(Math.min(line, column)).toBeGreaterThanOrEqual(1);
  }
}

const workers = JSON.stringify(
  [
    { host: "10.0.0.1", hostname: "w1", labels: ["web"], memory: "8 gb", cpu: 4000, tags: { zone: "a" } },
    { host: "fd00::1", position: 3 },
  ],
  null,
  2,
);
const disabled = JSON.stringify(
  { jobs: { api: {}, db: { allocations: ["10.0.0.1"] } }, workers: ["fd00::1"] },
  null,
  2,
);
const manifest = JSON.stringify({
  version: "1.2.3",
  selectors: ["web"],
  restart_policy: "reload",
  restart_globs: ["*.yml"],
  resources: { memory: { min: "1 gb", max: "2 gb" }, ports: { http: {}, admin: 9000 } },
  hooks: {
    hook_a: { executed_on: ["cli"], demands: { job: "db", hook: "hook_b", config: { min_version: 1 } } },
  },
  health_check: {
    checks: [
      { type: "http", port: "http" },
      { type: "file", path: "data/ready", max_age_seconds: 0.5, contains: "up" },
    ],
    wait: { attempts: 3 },
  },
  certs: { tls: { subject: { common_name: "api" }, dns: ["a.example.com"] } },
});
const bucketConf = 'port_range = "30000,39999" # pool\nname = """\nlines"""\nn = 1_000.5e3\nd = 1979-05-27\n';
const jobsConf = '[api]\nmemory = "512 mb"\ncpu = 5\n"a.b" = \'x\'\n[ db ]\nlist = [1, "]"]\n';
const conf =
  'ssh_user = "agent"\nssh_port = 22\nuse_sudo = true\nworker_root = "/opt/worker"\ncerts_ttl = 60\n';

const job: readonly JobFile[] = [file("Makefile"), file("_hooks/hook_a.js")];
const withApi = (files: Record<string, string>, ...more: JobFile[]) => {
  const manifests = more.some(({ path }) => path === "manifest.json") ? [] : [file("manifest.json", "{}")];
  return source(files, { api: [...job, ...manifests, ...more] });
};

const parsers = {
  "workers.json": [workers, (text: string) => withApi({ "workers.json": text, "disabled.json": disabled })],
  "disabled.json": [disabled, (text: string) => withApi({ "workers.json": workers, "disabled.json": text })],
  "manifest.json": [manifest, (text: string) => withApi({}, file("manifest.json", text))],
  "bucket.conf": [bucketConf, (text: string) => withApi({ "bucket.conf": text })],
  "bucket.jobs.conf": [jobsConf, (text: string) => withApi({ "bucket.jobs.conf": text })],
  "vars.conf": [bucketConf, (text: string) => withApi({}, file("vars.conf", text))],
} as const;

for (const [name, [good, build]] of Object.entries(parsers))
  test(`${name}`, () => {
    let refused = 0;
    fc.assert(
      fc.property(damaged(good), (text) => {
        const checked = checkWorkspace(build(text));
        expect(checkedValue(checked) === undefined).toBe(errors(checked).length > 0);
        refused += errors(checked).length > 0 ? 1 : 0;
        expectPrintable(errors(checked));
        expectPrintable(warnings(checked));
      }),
      { numRuns: runs },
    );
    expect(refused).toBeGreaterThan(runs / 10);
  }, 600_000);

test("maand.conf", () => {
  fc.assert(
    fc.property(damaged(conf), (text) => {
      const parsed = parseConf(text, "maand.conf");
      expect(!parsed.ok).toBe(errors(parsed).length > 0);
      expectPrintable(errors(parsed));
    }),
    { numRuns: runs },
  );
}, 600_000);
