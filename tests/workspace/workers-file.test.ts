// workers.json as maand writes it.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { formatWorkers } from "../../src/workspace/workers-file.ts";
import { source } from "../support/builders/workspace-source.ts";
import { errors } from "../support/checked.ts";

test("one field per line, order kept, unset fields left out", () => {
  const rows = [
    { host: "10.0.0.2", labels: ["web", "worker"], memory: "8192 mb", tags: { zone: "a" }, cpu: undefined },
    { host: "10.0.0.1", hostname: "w1", labels: [], tags: {}, position: 0 },
  ];
  expect(formatWorkers(rows)).toBe(`[
  {
    "host": "10.0.0.2",
    "labels": ["web", "worker"],
    "memory": "8192 mb",
    "tags": { "zone": "a" }
  },
  {
    "host": "10.0.0.1",
    "hostname": "w1",
    "labels": [],
    "tags": {},
    "position": 0
  }
]
`);
  expect(formatWorkers([])).toBe("[]\n");
});

test("what is written reads back as the same rows, and is a valid file", () => {
  const row = fc.record(
    {
      host: fc.ipV4(),
      hostname: fc.constantFrom("w1", "w2.example.com"),
      labels: fc.array(fc.constantFrom("worker", "Web", "db")),
      memory: fc.oneof(fc.nat(), fc.constantFrom("8192 mb", "1.5 GB")),
      cpu: fc.oneof(fc.nat(), fc.constantFrom("4000 mhz")),
      tags: fc.dictionary(
        fc.constantFrom("zone", "rack"),
        fc.string({ maxLength: 8 }).filter((s) => !/\p{Cc}/u.test(s)),
      ),
    },
    { requiredKeys: ["host"] },
  );
  const rows = fc.uniqueArray(row, { selector: ({ host }) => host, maxLength: 6 });
  fc.assert(
    fc.property(rows, (written) => {
      const text = formatWorkers(written);
      expect(JSON.parse(text)).toEqual(written);
      expect(errors(checkWorkspace(source({ "workers.json": text })))).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
