// `maand logs show`: raw and human, limits, runs, and lines that are not ours.

import { describe, expect, test } from "bun:test";
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { collectLogs, type LogsOptions, showLogs } from "../../src/commands/logs/show.ts";
import type { Event, Scope } from "../../src/events/event.ts";
import { createLogWriter } from "../../src/events/log-writer.ts";
import type { LogFormat } from "../../src/events/logline.ts";
import { MaandError } from "../../src/model/error.ts";
import { memoryTerminal } from "../support/memory-stream.ts";
import { useTempDir } from "../support/use.ts";

const run = "8f3a2c12-1111-4222-8333-444444444444";
const start = Date.UTC(2026, 5, 2, 22, 7, 1, 123);
const logsDir = useTempDir();

/** Writes events as one run, one hundred milliseconds apart. */
function write(events: Event[], runId = run, from = start, format: LogFormat = "kv"): void {
  let at = from - 100;
  const log = createLogWriter({
    logsDir: logsDir(),
    identity: { runId, command: "deploy" },
    format,
    seq: () => 17,
    now: () => {
      at += 100;
      return new Date(at);
    },
    onDisabled: (reason) => {
      throw new Error(reason);
    },
  });
  for (const event of events) log.listen(event);
  log.close();
}

async function show(options: Partial<LogsOptions> = {}, tty = false) {
  const terminal = memoryTerminal(tty, { color: false });
  const result = await showLogs(
    { logsDir: logsDir(), filter: {}, format: "human", follow: false, ...options },
    terminal.stdout,
  );
  return { text: terminal.out.text(), ...result };
}

const stop = (worker: string): Scope => ({ worker, job: "pg", phase: "reconcile", action: "stop" });
function command(scope: Scope, id: number, line: string, exit = 0): [Event, Event, Event] {
  return [
    { type: "command_begin", scope, id, cmd: `runner.py ${scope.action} ${scope.job}` },
    { type: "output", scope, id, stream: "stdout", line },
    { type: "command_end", scope, id, exit, durationMs: 1333 },
  ];
}

const example = `2026-06-02 22:07:01  deploy  seq=17  run=8f3a2c12
  reconcile  stop  pg@10.0.0.3
  $ runner.py stop pg
  pg@10.0.0.3 | Container pg  Stopping
  ok  exit=0  1.3s
`;

describe("human", () => {
  test("is the documented example, from either form", async () => {
    for (const format of ["kv", "json", "jsonl"] as const) {
      rmSync(logsDir(), { recursive: true });
      write(command(stop("10.0.0.3"), 1, "Container pg  Stopping"), run, start, format);
      expect((await show()).text).toBe(example);
    }
  });

  test("commands that ran side by side are told apart, in the order of their beginnings", async () => {
    const a = command(stop("10.0.0.3"), 1, "from three");
    const b = command(stop("10.0.0.4"), 2, "from four", 2);
    write([a[0], b[0], b[1], b[2], a[1], a[2]]);
    const { text, shown } = await show();
    expect(shown).toBe(6);
    expect(text.split("\n")).toEqual([
      "2026-06-02 22:07:01  deploy  seq=17  run=8f3a2c12",
      "  reconcile  stop  pg@10.0.0.3",
      "  $ runner.py stop pg",
      "  pg@10.0.0.3 | from three",
      "  ok  exit=0  1.3s",
      "",
      "2026-06-02 22:07:01  deploy  seq=17  run=8f3a2c12",
      "  reconcile  stop  pg@10.0.0.4",
      "  $ runner.py stop pg",
      "  pg@10.0.0.4 | from four",
      "  failed  exit=2  1.3s",
      "",
    ]);
  });

  test("lines outside commands, of the bucket and of workers", async () => {
    write([
      { type: "step", scope: { worker: "-" }, text: "wave 0" },
      { type: "warning", scope: { worker: "-" }, text: "order ignored" },
      { type: "deploy_skip", scope: { worker: "10.0.0.3", job: "pg" }, reason: "unchanged" },
      { type: "error", scope: { worker: "10.0.0.3", job: "pg" }, text: "no\nreason" },
    ]);
    expect((await show()).text).toBe(
      `2026-06-02 22:07:01  deploy  seq=17  run=8f3a2c12
  wave 0
  warning: order ignored

2026-06-02 22:07:01  deploy  seq=17  run=8f3a2c12
  pg@10.0.0.3
  deploy_skip: unchanged
  error: no
    reason
`,
    );
  });

  test("of connections and checks only how they ended", async () => {
    const scope = { worker: "10.0.0.3", job: "pg", phase: "health" as const };
    write([
      { type: "progress", scope, text: "tcp pg", state: "begin" },
      { type: "progress", scope, text: "http pg/", state: "begin" },
      { type: "progress", scope, text: "tcp pg", state: "end", ok: true },
      { type: "progress", scope, text: "http pg/", state: "end", ok: false, reason: "answered 503" },
    ]);
    expect((await show()).text).toBe(
      `2026-06-02 22:07:01  deploy  seq=17  run=8f3a2c12
  health  pg@10.0.0.3
  ok  tcp pg
  failed  http pg/: answered 503
`,
    );
  });

  test("a command that a crash cut short does not hold back later runs", async () => {
    write(command(stop("10.0.0.3"), 1, "never ended").slice(0, 2));
    write(command(stop("10.0.0.3"), 1, "next run"), `ffffffff${run.slice(8)}`, start + 60_000);
    const { text } = await show();
    expect(text.indexOf("never ended")).toBeLessThan(text.indexOf("next run"));
    expect(text.match(/ok {2}exit=0/g)).toHaveLength(1);
  });

  test("terminal escapes are shown, not obeyed", async () => {
    write(command({ ...stop("10.0.0.3"), action: "a\x1b[2J" }, 1, "\x1b]0;x\x07\ttab\u202e"));
    for (const tty of [false, true]) {
      const { text } = await show({}, tty);
      expect(text).toContain("| \\x1b]0;x\\x07\ttab\\u202e\n");
      expect(text).not.toMatch(/(?![\t\n])\p{Cc}|\p{Bidi_Control}/u);
    }
  });

  test("counts what is no log line", async () => {
    write(command(stop("10.0.0.3"), 1, "x"));
    appendFileSync(logsDir("10.0.0.3.log"), "half a\n");
    const { text, broken } = await show();
    expect(broken).toBe(1);
    expect(text).toEndWith("lines that are no log lines: 1; --format raw shows them\n");
    expect((await show({ filter: { job: ["pg"] } })).text).not.toContain("no log lines");
  });
});

describe("raw", () => {
  test("gives the lines as they stand in the file", async () => {
    write(command(stop("10.0.0.3"), 1, "a\nb"));
    appendFileSync(logsDir("10.0.0.3.log"), "\x1b[2J broken\n");
    const piped = await show({ format: "raw" });
    expect(piped.text).toBe(await Bun.file(logsDir("10.0.0.3.log")).text());
    const { text } = await show({ format: "raw", tail: 1 }, true);
    expect(text).toBe("\\x1b[2J broken\n");
  });

  test("tail counts what passes the filter", async () => {
    for (let i = 0; i < 5; i++) write(command(stop(`10.0.0.${i}`), 1, `line ${i}`), run, start + i * 1000);
    const { text } = await show({ format: "raw", tail: 2, filter: { stream: ["stdout"] } });
    expect(text.match(/line \d/g)).toEqual(["line 3", "line 4"]);
  });
});

describe("runs", () => {
  test("by id, by its beginning, by directory", async () => {
    const other = `ffffffff${run.slice(8)}`;
    write(command(stop("10.0.0.3"), 1, "first"));
    write(command(stop("10.0.0.3"), 1, "second"), other, start + 60_000);
    const wanted: Partial<LogsOptions>[] = [
      { filter: { run: [other] } },
      { filter: { run: ["ffff"] } },
      { runDir: other },
      { runDir: "ffffffff" },
      { runDir: logsDir("runs", other) },
    ];
    for (const options of wanted) {
      const { text, shown } = await show(options);
      expect(shown).toBe(3);
      expect(text).toContain("second");
    }
    rmSync(logsDir("runs"), { recursive: true });
    expect((await show({ filter: { run: ["ffff"] } })).shown).toBe(3);
  });

  test("one that is not there is named", async () => {
    write(command(stop("10.0.0.3"), 1, "first"));
    write(command(stop("10.0.0.3"), 1, "second"), `8f3a0000${run.slice(8)}`);
    for (const runDir of ["nope", "", "8f3a"]) {
      const failure = await show({ runDir }).catch((thrown) => thrown);
      expect(failure).toBeInstanceOf(MaandError);
      expect(failure.kind).toBe("not_found");
      expect(failure.hint).toBeString();
    }
  });
});

test("collected for JSON", async () => {
  write(command(stop("10.0.0.3"), 1, "x"));
  appendFileSync(logsDir("10.0.0.3.log"), "broken\n");
  const { lines, broken } = collectLogs({ logsDir: logsDir(), filter: {} });
  expect(lines.map((line) => line.event ?? line.stream)).toEqual(["hook_begin", "stdout", "hook_end"]);
  expect(broken).toBe(1);
});

test("no logs are no lines", async () => {
  expect(await show({ logsDir: logsDir("absent") })).toEqual({ text: "", shown: 0, broken: 0 });
});

test("files that cannot be read are a named failure", async () => {
  const file = logsDir("loop");
  writeFileSync(file, "");
  await Bun.$`ln -s loop2 ${logsDir("loop1")} && ln -s loop1 ${logsDir("loop2")}`.quiet();
  const failure = await show({ logsDir: logsDir("loop1") }).catch((thrown) => thrown);
  expect(failure).toBeInstanceOf(MaandError);
  expect(failure.kind).toBe("local");
});

test("follow shows what comes, under a heading per command, until it is stopped", async () => {
  write(command(stop("10.0.0.3"), 1, "old"));
  const terminal = memoryTerminal(false);
  const signal = new AbortController();
  const done = showLogs(
    { logsDir: logsDir(), filter: {}, format: "human", follow: true, tail: 1 },
    terminal.stdout,
    signal.signal,
  );
  const has = async (text: string) => {
    for (let i = 0; i < 150 && !terminal.out.text().includes(text); i++) await Bun.sleep(20);
    expect(terminal.out.text()).toContain(text);
  };
  await has("ok  exit=0");
  write(command(stop("10.0.0.4"), 1, "new").slice(0, 2), run, start + 60_000);
  await has("pg@10.0.0.4 | new");
  signal.abort();
  expect((await done).shown).toBe(3);
  expect(terminal.out.text()).not.toContain("old");
});

test("a reader that leaves ends a follow", async () => {
  write(command(stop("10.0.0.3"), 1, "old"));
  const terminal = memoryTerminal(false);
  terminal.out.write = () => {
    throw Object.assign(new Error("EPIPE"), { code: "EPIPE" });
  };
  const shown = showLogs({ logsDir: logsDir(), filter: {}, format: "raw", follow: true }, terminal.stdout);
  expect((await shown).broken).toBe(0);
});
