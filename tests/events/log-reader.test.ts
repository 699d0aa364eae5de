// Reading logs back: from both ends, merged, filtered, and while they grow.

import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import {
  completeSize,
  type LogFile,
  listLogChains,
  readBackward,
  readForward,
} from "../../src/events/log-files.ts";
import { followRecords, markPositions } from "../../src/events/log-follow.ts";
import { type LogFilter, listChains, logDirsFor, readRecords } from "../../src/events/log-reader.ts";
import { formatLogLine, type LogFields } from "../../src/events/logline.ts";
import { useTempDir } from "../support/use.ts";

const dir = useTempDir();

const runA = "aaaaaaaa-0000-4000-8000-000000000001";
const runB = "bbbbbbbb-0000-4000-8000-000000000002";

function fields(ms: number, more: Partial<LogFields> = {}): LogFields {
  const ts = new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
  return { ts, level: "INFO", run: runA, maand: "deploy", worker: "w1", msg: String(ms), ...more };
}

function text(all: LogFields[], format: "kv" | "json" = "kv"): string {
  return all.map((each) => `${formatLogLine(each, format)}\n`).join("");
}

function read(filter: LogFilter = {}, tail?: number, dirs = [dir()]): (string | undefined)[] {
  const records = readRecords(listChains(dirs, filter).values(), filter, tail, { broken: 0 });
  return [...records].map((record) => record.fields?.msg);
}

function only(name: string): LogFile {
  return listLogChains(dir()).get(name)!.at(-1)!;
}

describe("lines of one file", () => {
  // Sizes around the 64 KB in which files are read.
  const someLine = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 20 }).map((s) => s.replaceAll("\n", "")),
    fc.integer({ min: 65_500, max: 65_600 }).map((n) => "y".repeat(n)),
    fc.integer({ min: 130_000, max: 131_200 }).map((n) => "é".repeat(n / 2)),
  );

  test("are the same forwards and backwards", () => {
    fc.assert(
      fc.property(fc.array(someLine, { maxLength: 8 }), fc.boolean(), (lines, ended) => {
        const whole = lines.join("\n") + (ended ? "\n" : "");
        writeFileSync(dir("w1.log"), whole);
        const expected = whole === "" ? [] : whole.split("\n");
        if (whole.endsWith("\n")) expected.pop();
        const file = only("w1.log");
        expect([...readForward(file)]).toEqual(expected);
        expect([...readBackward(file)].reverse()).toEqual(expected);
        expect(completeSize(file)).toBe(Buffer.byteLength(whole.slice(0, whole.lastIndexOf("\n") + 1)));
      }),
      { numRuns: 150 },
    );
  });

  test("of ten megabytes come whole", () => {
    const long = "z".repeat(10_000_000);
    writeFileSync(dir("w1.log"), `a\n${long}\nb\n`);
    for (const lines of [[...readForward(only("w1.log"))], [...readBackward(only("w1.log"))].reverse()]) {
      expect(lines.map((line) => line.length)).toEqual([1, 10_000_000, 1]);
      expect(lines[1] === long).toBe(true);
    }
  });

  test("the end of a large file is found without reading the rest", () => {
    const line = text([fields(1)]);
    writeFileSync(dir("w1.log"), line);
    const file = only("w1.log");
    // What lies before the last megabyte cannot be read: it is not there.
    const end = line.repeat(20_000);
    writeFileSync(dir("w1.log"), end);
    file.size = Buffer.byteLength(end);
    const backward = readBackward(file);
    for (let i = 0; i < 10; i++) expect(`${backward.next().value}\n`).toBe(line);
    rmSync(dir("w1.log"));
    let more = 0;
    for (const _ of backward) more += 1;
    expect(more).toBeLessThan(19_000);
  });

  test("a file that was rotated after it was listed is still read", () => {
    writeFileSync(dir("w1.log"), text([fields(1), fields(2)]));
    const chains = listLogChains(dir());
    renameSync(dir("w1.log"), dir("w1.log.1"));
    writeFileSync(dir("w1.log"), text([fields(3)]));
    const records = readRecords(chains.values(), {}, undefined, { broken: 0 });
    expect([...records].map((record) => record.fields?.msg)).toEqual(["1", "2"]);
    expect(read()).toEqual(["1", "2", "3"]);
  });
});

describe("records of a directory", () => {
  test("are merged in time order over workers, rotated files and both forms", () => {
    writeFileSync(dir("w1.log.2"), text([fields(1), fields(4)]));
    writeFileSync(dir("w1.log.1"), text([fields(6)], "json"));
    writeFileSync(dir("w1.log"), text([fields(9), fields(12)]));
    writeFileSync(dir("w2.log"), text([fields(2, { worker: "w2" }), fields(10, { worker: "w2" })], "json"));
    writeFileSync(dir("maand.log"), text([fields(0, { worker: "-" }), fields(7, { worker: "-" })]));
    writeFileSync(dir("notes.txt"), "not a log\n");
    expect(read()).toEqual(["0", "1", "2", "4", "6", "7", "9", "10", "12"]);
    expect(read({}, 4)).toEqual(["7", "9", "10", "12"]);
    expect(read({}, 0)).toEqual([]);
    expect(read({ worker: ["w1"] }, 3)).toEqual(["6", "9", "12"]);
    expect(read({ worker: ["w2", "-"] })).toEqual(["0", "2", "7", "10"]);
  });

  test("a clock that went back keeps the order of the file", () => {
    writeFileSync(dir("w1.log"), text([fields(5), fields(1), fields(8)]));
    writeFileSync(dir("w2.log"), text([fields(3), fields(6)]));
    expect(read()).toEqual(["3", "5", "1", "6", "8"]);
  });

  test("tail is the end of the whole, for any files and any filter", () => {
    const someFields = fc.record({
      ms: fc.nat(50),
      file: fc.constantFrom("w1.log", "w2.log", "w2.log.1", "maand.log"),
      job: fc.constantFrom("a", "b"),
      json: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(someFields), fc.nat(12), fc.boolean(), (lines, tail, filtered) => {
        rmSync(dir(), { recursive: true });
        mkdirSync(dir());
        const sorted = lines.toSorted(
          (x, y) => x.ms - y.ms || Number(y.file.endsWith("1")) - Number(x.file.endsWith("1")),
        );
        // Rotated lines are older than all of the file after them.
        for (const { ms, file, job, json } of sorted)
          appendFileSync(
            dir(file),
            text([fields(file.endsWith(".1") ? ms - 100 : ms, { job })], json ? "json" : "kv"),
          );
        const filter: LogFilter = filtered ? { job: ["b"] } : {};
        const all = read(filter);
        expect(all).toHaveLength(lines.filter((each) => !filtered || each.job === "b").length);
        expect(all.map(Number)).toEqual(all.map(Number).toSorted((x, y) => x - y));
        expect(read(filter, tail)).toEqual(tail === 0 ? [] : all.slice(-tail));
      }),
      { numRuns: 200 },
    );
  });

  test("are filtered by every field", () => {
    const odd: Partial<LogFields> = {
      level: "ERROR",
      event: "hook_end",
      run: runB,
      maand: "job restart",
      seq: 4,
      worker: "w2",
      job: "pg",
      phase: "rollout",
      action: "restart",
      stream: "stderr",
      exit: 2,
    };
    writeFileSync(dir("w1.log"), text([fields(1, { seq: 3, exit: 0 }), fields(2)]));
    writeFileSync(dir("w2.log"), text([fields(3, odd)]));
    const filters: LogFilter[] = [
      { level: ["ERROR"] },
      { event: ["hook_end", "hook_begin"] },
      { run: [runB] },
      { run: ["bbbb"] },
      { maand: ["job restart"] },
      { seq: [4] },
      { worker: ["w2"] },
      { job: ["pg"] },
      { phase: ["rollout"] },
      { action: ["restart"] },
      { stream: ["stderr"] },
      { exit: [2] },
      { job: ["pg"], phase: ["rollout"] },
    ];
    for (const filter of filters) expect(read(filter)).toEqual(["3"]);
    expect(read({ job: ["pg"], phase: ["gc"] })).toEqual([]);
    expect(read({ run: [""] })).toEqual([]);
  });

  test("broken lines pass when nothing is filtered and are counted", () => {
    writeFileSync(dir("w1.log"), `${text([fields(1)])}half a li\n\n${text([fields(2)])}\x00\xff`);
    const tally = { broken: 0 };
    const records = [...readRecords(listChains([dir()], {}).values(), {}, undefined, tally)];
    expect(records.map((record) => record.fields?.msg)).toEqual(["1", undefined, "2", undefined]);
    expect(records[1]!.text).toBe("half a li");
    expect(tally.broken).toBe(2);
    expect(read({ worker: ["w1"] })).toEqual(["1", "2"]);
    expect(read({}, 2)).toEqual(["2", undefined]);
  });

  test("of a run are taken from its own directory while it is there", () => {
    mkdirSync(dir("runs", runB), { recursive: true });
    writeFileSync(dir("runs", runB, "w1.log"), text([fields(5, { run: runB })]));
    writeFileSync(dir("w1.log"), text([fields(1), fields(9, { run: runB })]));
    expect(logDirsFor(dir(), { run: ["bbb"] })).toEqual([dir("runs", runB)]);
    expect(logDirsFor(dir(), { run: ["aaa"] })).toEqual([dir()]);
    expect(logDirsFor(dir(), { run: ["bbb", "aaa"] })).toEqual([dir()]);
    expect(logDirsFor(dir("absent"), { run: ["aaa"] })).toEqual([dir("absent")]);
    expect(read({ run: ["bbb"] }, undefined, logDirsFor(dir(), { run: ["bbb"] }))).toEqual(["5"]);
  });

  test("a directory that is not there holds none", () => {
    expect(read({}, undefined, [dir("absent")])).toEqual([]);
  });
});

test("following gives each new line once, over rotations and new workers", async () => {
  writeFileSync(dir("w1.log"), `${text([fields(1)])}half`);
  const chains = listChains([dir()], {});
  const positions = markPositions(chains);
  const tally = { broken: 0 };
  expect([...readRecords(chains.values(), {}, undefined, tally)]).toHaveLength(1);
  const stop = new AbortController();
  const found: (string | undefined)[] = [];
  const batches = followRecords(dir(), undefined, {}, positions, stop.signal, tally);
  const steps = [
    () => appendFileSync(dir("w1.log"), `\n${text([fields(2), fields(3)])}`),
    () => {
      appendFileSync(dir("w1.log"), text([fields(4)]));
      renameSync(dir("w1.log"), dir("w1.log.1"));
      writeFileSync(dir("w1.log"), text([fields(5)]));
    },
    () => {
      renameSync(dir("w1.log.1"), dir("w1.log.2"));
      renameSync(dir("w1.log"), dir("w1.log.1"));
      writeFileSync(dir("w2.log"), text([fields(6, { worker: "w2" })]));
      writeFileSync(dir("w1.log"), text([fields(7)]));
    },
    () => stop.abort(),
  ];
  steps.shift()!();
  for await (const batch of batches) {
    found.push(...batch.map((record) => record.fields?.msg ?? record.text));
    steps.shift()!();
  }
  expect(found).toEqual(["half", "2", "3", "4", "5", "6", "7"]);
  expect(steps).toEqual([]);
});
