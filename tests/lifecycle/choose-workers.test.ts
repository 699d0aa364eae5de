// Which workers -w and -l choose.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { chooseConcurrency, chooseWorkers, splitChoice } from "../../src/lifecycle/select.ts";
import { maandErrorBy } from "../support/thrown.ts";

const known = [
  { host: "10.0.0.1", labels: ["web", "worker"] },
  { host: "10.0.0.2", labels: ["db", "worker"] },
  { host: "10.0.0.3", labels: ["cache", "db", "worker"] },
];

const usage = (act: () => unknown) => maandErrorBy(act, "usage");

test("neither means all, by position", () => {
  expect(chooseWorkers(known, {})).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
});

test("-w: each once, by position", () => {
  expect(chooseWorkers(known, { workers: ["10.0.0.3", "10.0.0.1", "10.0.0.3"] })).toEqual([
    "10.0.0.1",
    "10.0.0.3",
  ]);
});

test("-l: any of the labels, whatever their case", () => {
  expect(chooseWorkers(known, { labels: [" WEB", "cache"] })).toEqual(["10.0.0.1", "10.0.0.3"]);
});

test("both together are refused", () => {
  expect(usage(() => chooseWorkers(known, { workers: ["10.0.0.1"], labels: ["web"] })).message).toContain(
    "exclude",
  );
});

test("an unknown host or label is refused with the nearest one", () => {
  expect(usage(() => chooseWorkers(known, { workers: ["10.0.0.4"] })).hint).toContain("10.0.0.");
  expect(usage(() => chooseWorkers(known, { labels: ["webb"] })).hint).toContain('"web"');
});

test("collect gets unknown hosts apart, each once and in the order named", () => {
  const choice = splitChoice(known, { workers: ["10.9.9.9", "10.0.0.2", "10.8.8.8", "10.9.9.9"] });
  expect(choice).toEqual({ hosts: ["10.0.0.2"], unknown: ["10.9.9.9", "10.8.8.8"] });
});

test("what is chosen is a part of what is known, without repetition and in its order", () => {
  const hosts = known.map((worker) => worker.host);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...hosts, "other")), (workers) => {
      const { hosts: chosen, unknown } = splitChoice(known, { workers });
      expect(chosen).toEqual(hosts.filter((host) => workers.includes(host)));
      expect(unknown).toEqual(workers.includes("other") ? ["other"] : []);
    }),
  );
});

test("concurrency: the default unless one is asked for; none is refused", () => {
  expect(chooseConcurrency(undefined, 32)).toBe(32);
  expect(chooseConcurrency(100, 32)).toBe(100);
  usage(() => chooseConcurrency(0, 32));
});
