// One event is one line, whatever it held, and reads back as the same fields.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Event } from "../../src/events/event.ts";
import { logFieldsOf } from "../../src/events/log-fields.ts";
import { formatLogLine, type LogFields, type LogFormat, parseLogLine } from "../../src/events/logline.ts";

const scope = { worker: "10.0.0.3", job: "pg", phase: "reconcile", action: "stop" } as const;
const context = {
  ts: "2026-06-02T22:07:01.123Z",
  runId: "8f3a2c12-0000-4000-8000-000000000000",
  command: "deploy",
  seq: 17,
};
const formats: LogFormat[] = ["kv", "json", "jsonl"];

function line(event: Event, format: LogFormat = "kv"): string {
  return formatLogLine(logFieldsOf(event, context), format);
}

/** Any text at all: lone surrogates, controls and escapes included. */
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "\n",
        "\r",
        "\t",
        '"',
        "\\",
        "\x1b[2J",
        "\u009b",
        "\u2028",
        "\u202e",
        "\ufeff",
        "\ud800",
        "=",
        " ",
        "a",
        "é",
        "安",
        "{",
        "}",
      ),
    )
    .map((parts) => parts.join("")),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);

const anyFields: fc.Arbitrary<LogFields> = fc.record(
  {
    ts: fc
      .date({ min: new Date("2000-01-01"), max: new Date("2099-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString()),
    level: fc.constantFrom("INFO" as const, "WARN" as const, "ERROR" as const),
    event: anyText,
    run: anyText,
    maand: anyText,
    seq: fc.nat(),
    worker: anyText,
    job: anyText,
    phase: anyText,
    action: anyText,
    cmd: anyText,
    stream: anyText,
    msg: anyText,
    exit: fc.integer({ min: -1000, max: 1000 }),
    duration_ms: fc.nat(),
  },
  { requiredKeys: ["ts", "level", "run", "maand", "worker"] },
);

describe("the lines of 07", () => {
  const head = "ts=2026-06-02T22:07:01.123Z level=INFO";
  const run = "run=8f3a2c12-0000-4000-8000-000000000000 maand=deploy seq=17";
  const where = "worker=10.0.0.3 job=pg phase=reconcile action=stop";

  test("begin, output and end of a command", () => {
    expect(line({ type: "command_begin", scope, id: 1, cmd: "runner.py stop pg" })).toBe(
      `${head} event=hook_begin ${run} ${where} cmd="runner.py stop pg"`,
    );
    expect(line({ type: "output", scope, id: 1, stream: "stdout", line: "Container pg  Stopping" })).toBe(
      `${head} ${run} ${where} stream=stdout msg="Container pg  Stopping"`,
    );
    expect(line({ type: "command_end", scope, id: 1, exit: 0, durationMs: 1332.6 })).toBe(
      `${head} event=hook_end ${run} ${where} exit=0 duration_ms=1333`,
    );
  });

  test("skips, warnings and errors", () => {
    expect(line({ type: "deploy_skip", scope: { worker: "10.0.0.3", job: "pg" }, reason: "unchanged" })).toBe(
      `${head} event=deploy_skip ${run} worker=10.0.0.3 job=pg msg="unchanged"`,
    );
    expect(line({ type: "reconcile_skip_stop", scope, reason: "not running" })).toContain(
      `event=reconcile_skip_stop ${run} ${where} msg="not running"`,
    );
    expect(line({ type: "warning", scope: { worker: "-" }, text: "disk is slow" })).toBe(
      `ts=2026-06-02T22:07:01.123Z level=WARN event=warning ${run} worker=- msg="disk is slow"`,
    );
    expect(line({ type: "error", scope, text: "no" })).toStartWith(
      "ts=2026-06-02T22:07:01.123Z level=ERROR ",
    );
  });

  test("JSON has the same fields in the same order, numbers as numbers", () => {
    const text = line({ type: "command_end", scope, id: 1, exit: 2, durationMs: 5 }, "json");
    expect(text).toBe(
      '{"ts":"2026-06-02T22:07:01.123Z","level":"INFO","event":"hook_end","run":"8f3a2c12-0000-4000-8000-000000000000",' +
        '"maand":"deploy","seq":17,"worker":"10.0.0.3","job":"pg","phase":"reconcile","action":"stop","exit":2,"duration_ms":5}',
    );
  });
});

describe("any text", () => {
  test("is one line without control characters and reads back the same", () => {
    fc.assert(
      fc.property(anyFields, fc.constantFrom(...formats), (fields, format) => {
        const text = formatLogLine(fields, format);
        expect(text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/u);
        expect(parseLogLine(text)).toEqual(fields);
        // Through bytes, as a file holds it.
        expect(parseLogLine(Buffer.from(text, "utf8").toString("utf8"))).toEqual(fields);
      }),
      { numRuns: 2000 },
    );
  });

  test("ten megabytes of it too", () => {
    for (const unit of ['\\"\n', "\x1b", "x"]) {
      const msg = unit.repeat(Math.ceil(10_000_000 / unit.length));
      for (const format of formats) {
        const text = line({ type: "output", scope, id: 1, stream: "stderr", line: msg }, format);
        expect(text.includes("\n")).toBe(false);
        expect(parseLogLine(text)?.msg === msg).toBe(true);
      }
    }
  });
});

describe("lines that are not ours", () => {
  test("are told apart, never a crash", () => {
    const good = line({ type: "command_begin", scope, id: 1, cmd: 'say "hi"' });
    for (const bad of [
      "",
      "half a line",
      "=",
      "{",
      "[]",
      "null",
      "{}",
      '"x"',
      good.slice(0, -1),
      `${good}x`,
      good.replace("level=INFO", "level=LOUD"),
      good.replace("seq=17", "seq=many"),
      good.replace("2026-06-02T", "2026-06-02 "),
      good.replace(" worker=10.0.0.3", ""),
      `x${good.slice(1)}`.replace("xs=", "="),
    ])
      expect(parseLogLine(bad)).toBeUndefined();
    expect(parseLogLine(good)?.cmd).toBe('say "hi"');
  });

  test("unknown fields are passed over", () => {
    const fields = parseLogLine(`${line({ type: "step", scope, text: "wave 0" })} later=on`);
    expect(fields).toMatchObject({ event: "step", msg: "wave 0" });
    expect(fields).not.toHaveProperty("later");
  });

  test("whatever the text, parsing gives fields or nothing", () => {
    const good = line({ type: "output", scope, id: 1, stream: "stdout", line: 'a "b" \\ c\n' });
    const mutated = fc
      .tuple(fc.constantFrom(good, line({ type: "step", scope, text: "x" }, "json")), fc.nat(), anyText)
      .map(
        ([text, at, insert]) =>
          text.slice(0, at % text.length) + insert + text.slice((at % text.length) + insert.length),
      );
    fc.assert(
      fc.property(fc.oneof(anyText, mutated), (text) => {
        const fields = parseLogLine(text);
        if (fields !== undefined) {
          expect(typeof fields.worker).toBe("string");
          expect(parseLogLine(formatLogLine(fields, "kv"))).toEqual(fields);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
