// A whole workspace as one value; workers, disabled, TOML files; places for the build's own diagnostics.

import { describe, expect, test } from "bun:test";
import { formatDiagnostic } from "../../src/model/diagnostic.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import type { JobFile, Workspace } from "../../src/workspace/types.ts";
import { file, source } from "../support/builders/workspace-source.ts";
import { checkedValue, errors, messages, warnings } from "../support/checked.ts";

function valid(...args: Parameters<typeof source>): Workspace {
  const checked = checkWorkspace(source(...args));
  expect(messages(checked)).toEqual([]);
  return checkedValue(checked)!;
}

test("an empty workspace is valid: a missing file means none of what it lists", () => {
  expect(valid({})).toEqual({
    workers: [],
    disabled: { jobs: new Map(), workers: [] },
    bucketVars: {},
    reservations: new Map(),
    jobs: [],
  });
});

describe("workers.json", () => {
  const workers = (rows: unknown) => valid({ "workers.json": JSON.stringify(rows) }).workers;

  test("labels, tags and quantities come out canonical", () => {
    const row = {
      host: "10.0.0.1",
      hostname: "w1",
      labels: [" Web ", "worker", "web"],
      memory: "8 GB",
      cpu: "2.5 ghz",
      tags: { " zone ": " a " },
    };
    expect(workers([row])).toEqual([
      {
        host: "10.0.0.1",
        hostname: "w1",
        labels: ["web", "worker"],
        memoryMb: 8192,
        cpuMhz: 2500,
        tags: { zone: "a" },
        position: 0,
        index: 0,
      },
    ]);
  });

  test("the label worker is always there", () => {
    expect(workers([{ host: "w1" }])[0]?.labels).toEqual(["worker"]);
  });

  test("array order is the position, an explicit one overrides it and wins a tie", () => {
    const rows = [{ host: "a" }, { host: "b" }, { host: "c", position: 0 }, { host: "d", position: 9 }];
    expect(workers(rows).map(({ host, position, index }) => [host, position, index])).toEqual([
      ["c", 0, 2],
      ["a", 0, 0],
      ["b", 1, 1],
      ["d", 9, 3],
    ]);
  });

  for (const host of ["10.0.0.1", "fd00::1", "::ffff:10.0.0.1", "db-1.example.com", "localhost"])
    test(`${host} is a host`, () => {
      expect(workers([{ host }])[0]?.host).toBe(host);
    });

  for (const host of [
    "",
    " 10.0.0.1",
    "10.0.0.256",
    "01.2.3.4",
    "a_b",
    "-a",
    "a b",
    "$(id)",
    "a;b",
    "x".repeat(64),
    5,
  ])
    test(`${JSON.stringify(host).slice(0, 20)} is none`, () => {
      const checked = checkWorkspace(source({ "workers.json": JSON.stringify([{ host }]) }));
      expect(errors(checked)).toHaveLength(1);
    });

  for (const rows of [
    [{ host: "a", labels: [null] }],
    [{ host: "a", tags: [] }],
    [{ host: "a", tags: { zone: null } }],
    [{ host: "a", tags: { "": "x" } }],
    [{ host: "a", tags: { k: "two\nlines" } }],
    [{ host: "a", memory: "1 ghz" }],
    [{ host: "a", cpu: true }],
    [{ host: "a", position: 1.5 }],
    [{ host: "a", position: "1" }],
    [{ host: "a", $schema: "x" }],
    [{ host: "a" }, { host: "A" }],
    [{ host: "fd00::1" }, { host: "fd00:0::1" }],
    [
      { host: "a", position: 3 },
      { host: "b", position: 3 },
    ],
    [{}],
    [null],
    {},
    "x",
  ])
    test(`${JSON.stringify(rows)} is refused`, () => {
      const checked = checkWorkspace(source({ "workers.json": JSON.stringify(rows) }));
      expect(errors(checked)).toHaveLength(1);
    });
});

describe("disabled.json", () => {
  const files = (disabled: unknown) => ({
    "workers.json": '[{"host": "10.0.0.1"}, {"host": "fd00::1"}]',
    "disabled.json": JSON.stringify(disabled),
  });
  const jobs = { api: [file("Makefile"), file("manifest.json", "{}")] };

  test("whole jobs, some allocations, whole workers; hosts as workers.json spells them", () => {
    const value = {
      $schema: "x",
      jobs: { api: { allocations: ["FD00:0::1"] }, db: {} },
      workers: ["10.0.0.1"],
    };
    const { disabled } = valid(files(value), jobs);
    expect(disabled).toEqual({
      jobs: new Map<string, "all" | string[]>([
        ["api", ["fd00::1"]],
        ["db", "all"],
      ]),
      workers: ["10.0.0.1"],
    });
  });

  test("names that are not in the workspace are warnings with a suggestion", () => {
    const checked = checkWorkspace(source(files({ jobs: { apo: {} }, workers: ["10.0.0.7"] }), jobs));
    expect(errors(checked)).toEqual([]);
    expect(warnings(checked).map(formatDiagnostic)).toEqual([
      'workspace/disabled.json:1:10: there is no job "apo", so this line has no effect; did you mean "api"?',
      'workspace/disabled.json:1:31: there is no worker "10.0.0.7", so this line has no effect; did you mean "10.0.0.1"?',
    ]);
  });

  for (const wrong of [
    [],
    { jobs: [] },
    { jobs: { api: true } },
    { jobs: { api: { allocations: "x" } } },
    { jobs: { "../x": {} } },
    { workers: "10.0.0.1" },
    { workers: [1] },
    { worker: [] },
  ])
    test(`${JSON.stringify(wrong)} is refused`, () => {
      expect(errors(checkWorkspace(source(files(wrong), jobs)))).toHaveLength(1);
    });

  test("while workers.json cannot be parsed, no host is called unknown", () => {
    const broken = { ...files({ workers: ["10.0.0.1"] }), "workers.json": "[" };
    const checked = checkWorkspace(source(broken, jobs));
    expect(errors(checked)).toHaveLength(1);
    expect(warnings(checked)).toEqual([]);
  });
});

describe("bucket.conf", () => {
  test("the pool, and every key as text", () => {
    const { portRange, bucketVars } = valid({
      "bucket.conf": 'port_range = " 30000 , 39999 "\nname = "x"\n',
    });
    expect(portRange).toEqual({ min: 30000, max: 39999 });
    expect(bucketVars).toEqual({ port_range: " 30000 , 39999 ", name: "x" });
  });

  test("the older spelling, as numbers or text", () => {
    const { portRange, bucketVars } = valid({ "bucket.conf": 'port_min = 30000\nport_max = "30010"\n' });
    expect(portRange).toEqual({ min: 30000, max: 30010 });
    expect(bucketVars).toEqual({ port_min: "30000", port_max: "30010" });
  });

  for (const text of [
    'port_range = "1-2"',
    'port_range = "0,10"',
    'port_range = "1,65536"',
    'port_range = "2,1"',
    "port_range = 30000",
    "port_range = [1, 2]",
    "port_min = 5",
    "port_min = 6\nport_max = 5",
    'port_min = "a"\nport_max = 5',
    'port_range = "1,2"\nport_min = 1\nport_max = 3',
  ])
    test(`${JSON.stringify(text)} is refused`, () => {
      expect(errors(checkWorkspace(source({ "bucket.conf": text })))).toHaveLength(1);
    });
});

describe("bucket.jobs*.conf", () => {
  const jobs = { api: [file("Makefile"), file("manifest.json", "{}")] };
  const conf = '[api]\nmemory = "2 gb"\ncpu = 500\nreplicas = 3\n';

  test("reservations and every key as text", () => {
    const { reservations } = valid({ "bucket.jobs.conf": conf }, jobs);
    expect(reservations.get("api")).toEqual({
      memoryMb: 2048,
      cpuMhz: 500,
      vars: { memory: "2 gb", cpu: "500", replicas: "3" },
    });
  });

  test("exactly the selected file is read", () => {
    const files = { "bucket.jobs.conf": "not toml", "bucket.jobs.prod.conf": conf };
    expect(valid(files, jobs, "prod").reservations.size).toBe(1);
  });

  test("a selected file that is missing is a fault, the default one is not", () => {
    expect(valid({}, jobs).reservations.size).toBe(0);
    expect(messages(checkWorkspace(source({}, jobs, "prod")))).toEqual([
      'workspace/bucket.jobs.prod.conf: the file is missing, but job_config_selector = "prod" in maand.conf selects it; create it, or change job_config_selector to ""',
    ]);
  });

  test("a table for an unknown job is a warning", () => {
    const checked = checkWorkspace(source({ "bucket.jobs.conf": "[apy]\nx = 1\n" }, jobs));
    expect(errors(checked)).toEqual([]);
    expect(warnings(checked).map(formatDiagnostic)).toEqual([
      'workspace/bucket.jobs.conf:1:1: there is no job "apy", so this table has no effect; did you mean "api"?',
    ]);
  });

  for (const text of [
    "x = 1",
    "[api]\nmemory = -1",
    "[api]\nmemory = true",
    '[api]\ncpu = "1 gb"',
    "[api]\nmemory = nan",
    "[api]\nlist = []",
    "[[api]]\nx = 1",
  ])
    test(`${JSON.stringify(text)} is refused`, () => {
      expect(errors(checkWorkspace(source({ "bucket.jobs.conf": text }, jobs)))).toHaveLength(1);
    });
});

describe("vars.conf", () => {
  const vars = (text: string) =>
    valid({}, { api: [file("Makefile"), file("manifest.json", "{}"), file("vars.conf", text)] }).jobs[0]
      ?.vars;

  test("every value becomes text, exactly", () => {
    const text = [
      'text = "a b"',
      'lines = """\none\ntwo\n"""',
      "big = 9007199254740993",
      "hex = 0xff",
      "grouped = 1_000",
      "plus = +5",
      "float = 1.10",
      "exponent = 2.5e3",
      "yes = true",
      "date = 1979-05-27",
      "stamp = 1979-05-27 07:32:00Z # a remark",
      '"a.b" = "quoted"',
      'constructor = "c"',
    ].join("\n");
    expect(vars(text)).toEqual({
      text: "a b",
      lines: "one\ntwo\n",
      big: "9007199254740993",
      hex: "255",
      grouped: "1000",
      plus: "5",
      float: "1.10",
      exponent: "2500",
      yes: "true",
      date: "1979-05-27",
      stamp: "1979-05-27 07:32:00Z",
      "a.b": "quoted",
      constructor: "c",
    });
  });

  for (const text of [
    "a = []",
    "a.b = 1",
    "[t]\nx = 1",
    "a = {}",
    "a = nan",
    '"" = 1',
    '"a\\u0007" = 1',
    '__proto__ = "x"',
  ])
    test(`${JSON.stringify(text)} is refused`, () => {
      const job = { api: [file("Makefile"), file("manifest.json", "{}"), file("vars.conf", text)] };
      expect(errors(checkWorkspace(source({}, job)))).toHaveLength(1);
    });
});

describe("jobs", () => {
  test("a directory without manifest.json is no job, and a warning names it", () => {
    const checked = checkWorkspace(source({}, { notes: [file("readme.md")] }));
    expect(checkedValue(checked)?.jobs).toEqual([]);
    expect(warnings(checked).map(formatDiagnostic)).toEqual([
      "workspace/jobs/notes: it has no manifest.json, so it is not a job; run maand job create, or remove the directory",
    ]);
  });

  for (const name of ["Api", "a b", "-a", "_a", "a.b", "x".repeat(64)])
    test(`${JSON.stringify(name).slice(0, 12)} is no job name`, () => {
      const checked = checkWorkspace(source({}, { [name]: [file("Makefile"), file("manifest.json", "{}")] }));
      expect(errors(checked)).toHaveLength(1);
    });

  test("the catalog gets every entry, inputs and hooks included", () => {
    const files = [file("Makefile"), file("_hooks/lib.py"), file("a.tpl"), file("manifest.json", "{}")];
    expect(valid({}, { api: files }).jobs[0]?.files).toEqual(files);
  });

  test("certs/ of the worker must not be something else", () => {
    const manifest = file("manifest.json", '{"certs": {"tls": {"subject": {"common_name": "x"}}}}');
    const check = (...more: JobFile[]) =>
      messages(checkWorkspace(source({}, { api: [file("Makefile"), manifest, ...more] })));
    expect(check(file("certs/other.pem"))).toEqual([]);
    expect(check({ kind: "link", path: "certs", target: "conf" })).toHaveLength(1);
    expect(check(file("certs/ca.crt"), file("certs/tls.key.tpl"))).toHaveLength(2);
  });

  test("a manifest that is not UTF-8 is a fault", () => {
    const broken = { ...file("manifest.json"), content: new Uint8Array([0x7b, 0xff, 0x7d]) } as never;
    const checked = checkWorkspace(source({}, { api: [file("Makefile"), broken] }));
    expect(messages(checked)).toEqual([
      "workspace/jobs/api/manifest.json: the file is not UTF-8 text; save it as UTF-8",
    ]);
  });

  test("a manifest that is a link or a directory is a fault", () => {
    for (const entry of [
      { kind: "link", path: "manifest.json", target: "Makefile" },
      { kind: "dir", path: "manifest.json", mode: 0o755 },
    ] as const)
      expect(errors(checkWorkspace(source({}, { api: [file("Makefile"), entry] })))).toHaveLength(1);
  });
});

describe("places", () => {
  const checked = checkWorkspace(
    source(
      {
        "workers.json": '[\n  {"host": "a"},\n  {"host": "b", "memory": 5}\n]',
        "bucket.jobs.conf": "[api]\nmemory = 5\n",
      },
      { api: [file("Makefile"), file("manifest.json", '{\n  "resources": {"memory": {"min": 1}}\n}')] },
    ),
  );
  const place = checked.places.place;

  test("a value in JSON and in TOML", () => {
    expect(place("workspace/workers.json", [1, "memory"])).toEqual({
      file: "workspace/workers.json",
      line: 3,
      column: 27,
    });
    expect(place("workspace/bucket.jobs.conf", ["api", "memory"])).toEqual({
      file: "workspace/bucket.jobs.conf",
      line: 2,
      column: 10,
    });
  });

  test("a path that is not there gives its nearest ancestor", () => {
    const manifest = "workspace/jobs/api/manifest.json";
    expect(place(manifest, ["resources", "memory", "max"])).toEqual({ file: manifest, line: 2, column: 27 });
    expect(place(manifest, ["hooks", "hook_a"])).toEqual({ file: manifest, line: 1, column: 1 });
    expect(place("workspace/bucket.jobs.conf", ["db", "memory"])).toEqual({
      file: "workspace/bucket.jobs.conf",
    });
  });

  test("a file that is not there gives its path", () => {
    expect(place("workspace/bucket.conf", ["port_range"])).toEqual({ file: "workspace/bucket.conf" });
  });
});
