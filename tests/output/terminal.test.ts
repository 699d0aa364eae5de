// The streams, the flags, and JSON on standard output.

import { describe, expect, test } from "bun:test";
import { formatDuration, formatElapsed } from "../../src/cli/output/duration.ts";
import { createJsonOutput } from "../../src/cli/output/json.ts";
import { MaandError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";
import { memoryStream, memoryTerminal } from "../support/memory-stream.ts";

function failing(code: string, isTty = false) {
  const stream = memoryStream(isTty);
  let calls = 0;
  stream.write = () => {
    calls += 1;
    throw Object.assign(new Error(`${code}: write`), { code });
  };
  return { stream, calls: () => calls };
}

describe("colour and progress", () => {
  test("on a terminal only", () => {
    expect(memoryTerminal(true).stdout.paint.enabled).toBe(true);
    expect(memoryTerminal(true).live).toBe(true);
    expect(memoryTerminal(false).stdout.paint.enabled).toBe(false);
    expect(memoryTerminal(false).live).toBe(false);
  });

  test("each stream for itself", () => {
    const terminal = memoryTerminal(true, { stdout: memoryStream(false) });
    expect(terminal.stdout.paint.enabled).toBe(false);
    expect(terminal.stdout.width()).toBeUndefined();
    expect(terminal.stderr.paint.enabled).toBe(true);
    expect(terminal.stderr.width()).toBe(80);
    expect(terminal.live).toBe(true);
  });

  test("flags and environment turn them off", () => {
    expect(memoryTerminal(true, { color: false }).stderr.paint.enabled).toBe(false);
    expect(memoryTerminal(true, { env: { NO_COLOR: "1" } }).stderr.paint.enabled).toBe(false);
    expect(memoryTerminal(true, { env: { NO_COLOR: "" } }).stderr.paint.enabled).toBe(true);
    expect(memoryTerminal(true, { env: { NO_COLOR: "1" } }).live).toBe(true);
    expect(memoryTerminal(true, { progress: false }).live).toBe(false);
    expect(memoryTerminal(true, { quiet: true }).live).toBe(false);
    const dumb = memoryTerminal(true, { env: { TERM: "dumb" } });
    expect([dumb.live, dumb.stderr.paint.enabled]).toEqual([false, false]);
  });

  test("paint without colour leaves the text alone", () => {
    const { paint } = memoryTerminal(false).stdout;
    for (const color of ["bold", "dim", "red", "green", "yellow", "cyan"] as const)
      expect(paint[color]("x")).toBe("x");
    expect(memoryTerminal(true).stdout.paint.red("x")).toBe("\x1b[31mx\x1b[39m");
  });

  test("the width follows the terminal", () => {
    const terminal = memoryTerminal(true);
    terminal.out.columns = 33;
    expect(terminal.stdout.width()).toBe(33);
  });
});

describe("a reader who left", () => {
  test("is no error, and nothing more is written", () => {
    for (const code of ["EPIPE", "EIO", "EBADF"]) {
      const { stream, calls } = failing(code);
      const { stdout } = memoryTerminal(false, { stdout: stream });
      expect([stdout.write("a"), stdout.write("b"), calls()]).toEqual([false, false, 1]);
    }
  });

  test("but a result that cannot be stored is one", () => {
    const { stdout } = memoryTerminal(false, { stdout: failing("ENOSPC").stream });
    expect(() => stdout.write("a")).toThrow(MaandError);
  });

  test("and standard error never throws", () => {
    const { stderr } = memoryTerminal(false, { stderr: failing("ENOSPC").stream });
    expect(stderr.write("a")).toBe(false);
  });
});

describe("json", () => {
  test("is one document, and a second one is refused", () => {
    const terminal = memoryTerminal(false);
    const json = createJsonOutput(terminal.stdout);
    expect(json.written).toBe(false);
    json.write({
      ok: true,
      command: "info",
      text: "\x1b[2J \u009b \u202e é\n",
      secret: new Secret("hunter2"),
    });
    expect(json.written).toBe(true);
    expect(() => json.write({ ok: false })).toThrow();
    const text = terminal.out.text();
    expect(JSON.parse(text)).toEqual({
      ok: true,
      command: "info",
      text: "\x1b[2J \u009b \u202e é\n",
      secret: "***",
    });
    expect(text).toEndWith("}\n");
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });
});

test("durations", () => {
  const shown = [0, 40, 1333, 12_345, 59_940, 59_960, 125_000, 3_720_000, Number.NaN, -5].map(formatDuration);
  expect(shown).toEqual([
    "0.0s",
    "0.0s",
    "1.3s",
    "12.3s",
    "59.9s",
    "1m00s",
    "2m05s",
    "1h02m",
    "0.0s",
    "0.0s",
  ]);
  expect([0, 999, 59_999, 60_000, 7_322_000].map(formatElapsed)).toEqual([
    "0s",
    "0s",
    "59s",
    "1m00s",
    "2h02m",
  ]);
});
