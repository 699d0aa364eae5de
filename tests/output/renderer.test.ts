// The event stream on standard error: plain lines, quiet, and live progress that leaves nothing behind.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createRenderer } from "../../src/cli/output/renderer.ts";
import type { Event, Scope } from "../../src/events/event.ts";
import { memoryStream, memoryTerminal } from "../support/memory-stream.ts";
import { screenOf } from "../support/screen.ts";

const pg: Scope = { worker: "10.0.0.3", job: "pg", phase: "rollout", action: "restart" };
const bucket: Scope = { worker: "-" };

function output(scope: Scope, id: number, line: string): Event {
  return { type: "output", scope, id, stream: "stdout", line };
}

const story: Event[] = [
  { type: "step", scope: bucket, text: "wave 0" },
  { type: "progress", scope: { worker: "10.0.0.3" }, text: "connect", state: "begin" },
  { type: "progress", scope: { worker: "10.0.0.3" }, text: "connect", state: "end", ok: true },
  { type: "command_begin", scope: pg, id: 1, cmd: "runner.py restart pg" },
  output(pg, 1, "Container pg  Restarting"),
  output({ worker: "10.0.0.4" }, 2, "no job\there"),
  output({ worker: "-", job: "pg" }, 3, "hook of the bucket"),
  { type: "command_end", scope: pg, id: 1, exit: 0, durationMs: 1300 },
  { type: "allocation", scope: pg, status: "done" },
  { type: "allocation", scope: { worker: "10.0.0.5", job: "pg" }, status: "skipped" },
  { type: "deploy_skip", scope: { worker: "10.0.0.5", job: "pg" }, reason: "unchanged" },
  { type: "warning", scope: bucket, text: "rollout_order was ignored" },
  { type: "error", scope: pg, text: "restart failed\nlast line of output" },
  {
    type: "allocation",
    scope: { worker: "10.0.0.6", job: "pg" },
    status: "not_reached",
    reason: "earlier batch failed",
  },
];

const plainStory = [
  "wave 0",
  "pg@10.0.0.3 | Container pg  Restarting",
  "10.0.0.4 | no job\there",
  "pg | hook of the bucket",
  "pg@10.0.0.3: done",
  "warning: rollout_order was ignored",
  "error: pg@10.0.0.3: restart failed",
  "  last line of output",
  "pg@10.0.0.6: not reached: earlier batch failed",
];

describe("plain", () => {
  test("each event is whole lines on standard error, nothing on standard output", () => {
    for (const terminal of [memoryTerminal(false), memoryTerminal(true, { progress: false, color: false })]) {
      const renderer = createRenderer(terminal);
      for (const event of story) renderer.listen(event);
      renderer.close();
      expect(terminal.err.text()).toBe(`${plainStory.join("\n")}\n`);
      expect(terminal.out.text()).toBe("");
      for (const write of terminal.err.writes) expect(write).toEndWith("\n");
    }
  });

  test("quiet shows warnings and errors only", () => {
    for (const tty of [false, true]) {
      const terminal = memoryTerminal(tty, { quiet: true, color: false });
      const renderer = createRenderer(terminal);
      for (const event of story) renderer.listen(event);
      renderer.close();
      expect(terminal.err.text()).toBe(`${plainStory.slice(5, 8).join("\n")}\n`);
    }
  });

  test("what a worker prints cannot steer the terminal or pass for another line", () => {
    const terminal = memoryTerminal(false);
    const renderer = createRenderer(terminal);
    renderer.listen(output(pg, 1, "\x1b[2J\x1b]0;x\x07 \u009b31m a\nerror: fake\r"));
    renderer.listen({ type: "warning", scope: bucket, text: "why:\r\n\x1b[31mremote\u202e text" });
    expect(terminal.err.text()).toBe(
      "pg@10.0.0.3 | \\x1b[2J\\x1b]0;x\\x07 \\x9b31m a\\nerror: fake\nwarning: why:\n  \\x1b[31mremote\\u202e text\n",
    );
  });

  test("goes on when nobody reads any more", () => {
    for (const tty of [false, true]) {
      const stderr = memoryStream(tty);
      stderr.write = () => {
        throw Object.assign(new Error("EPIPE"), { code: "EPIPE" });
      };
      const renderer = createRenderer(memoryTerminal(tty, { stderr }));
      expect(() => {
        for (const event of story) renderer.listen(event);
        renderer.close();
      }).not.toThrow();
    }
  });
});

/** The screen of a live renderer after events, and after its end. Time stands still at `at` milliseconds. */
function live(columns = 60, rows = 24) {
  const terminal = memoryTerminal(true, { color: false });
  terminal.err.columns = columns;
  terminal.err.rows = rows;
  let at = 0;
  const renderer = createRenderer(terminal, () => at);
  const screen = () => screenOf(terminal.err.text(), terminal.err.columns);
  const until = async (ready: (screen: string[]) => boolean) => {
    for (let i = 0; i < 100 && !ready(screen()); i++) await Bun.sleep(20);
    return screen();
  };
  const clock = (ms: number) => {
    at = ms;
  };
  return { terminal, renderer, screen, until, clock };
}

describe("live", () => {
  test("workers in flight stand below the lines, with their time, and go when they are done", async () => {
    const { renderer, until, screen, clock, terminal } = live();
    renderer.listen({ type: "step", scope: bucket, text: "wave 0" });
    renderer.listen({ type: "command_begin", scope: pg, id: 1, cmd: "runner.py restart pg" });
    clock(3000);
    renderer.listen({ type: "progress", scope: { worker: "10.0.0.14" }, text: "connect", state: "begin" });
    renderer.listen(output(pg, 1, "stopping"));
    clock(65_000);
    expect(await until((lines) => lines.length > 4)).toEqual([
      "wave 0",
      "pg@10.0.0.3 | stopping",
      "wave 0 · 2 in flight · 1m05s",
      "  10.0.0.3   pg restart  1m05s",
      "  10.0.0.14  connect  1m02s",
    ]);
    renderer.listen({ type: "command_end", scope: pg, id: 1, exit: 0, durationMs: 1 });
    renderer.listen({
      type: "progress",
      scope: { worker: "10.0.0.14" },
      text: "connected",
      state: "end",
      ok: true,
    });
    expect(await until((lines) => lines.length === 2)).toEqual(["wave 0", "pg@10.0.0.3 | stopping"]);
    renderer.close();
    renderer.close();
    expect(screen()).toEqual(["wave 0", "pg@10.0.0.3 | stopping"]);
    renderer.listen(output(pg, 2, "late"));
    expect(screen().at(-1)).toBe("pg@10.0.0.3 | late");
    expect(terminal.out.text()).toBe("");
  });

  test("clearing makes room for others", async () => {
    const { renderer, until, screen } = live();
    renderer.listen({ type: "command_begin", scope: pg, id: 1, cmd: "x" });
    expect(await until((lines) => lines.length === 2)).toHaveLength(2);
    renderer.clear();
    expect(screen()).toEqual([]);
    renderer.listen(output(pg, 1, "more"));
    expect((await until((lines) => lines.length === 3))[0]).toBe("pg@10.0.0.3 | more");
    renderer.close();
  });

  test("more workers than rows are counted, long lines are cut, and the terminal may shrink", async () => {
    const { renderer, until, screen, terminal } = live(40, 8);
    for (let i = 1; i <= 100; i++) {
      const scope: Scope = { worker: `worker-${i}`, job: "j".repeat(60), action: "start" };
      renderer.listen({ type: "command_begin", scope, id: i, cmd: "x" });
    }
    const lines = await until((shown) => shown.length > 5);
    expect(lines).toHaveLength(6);
    expect(lines[0]).toBe("100 in flight · 0s");
    expect(lines[5]).toBe("  and 96 more");
    expect(lines[1]).toMatch(/^ {2}worker-1 {2}j+… {2}0s$/);
    for (const line of lines) expect(line.length).toBeLessThan(40);
    const before = terminal.err.writes.length;
    terminal.err.columns = 15;
    renderer.close();
    // The old lines now wrap on the narrow screen; all their rows must have gone.
    expect(screenOf(terminal.err.writes.slice(0, before).join(""), 15).length).toBeGreaterThan(6);
    expect(screen()).toEqual([]);
  });

  test("an error is on the screen at once", () => {
    const { renderer, screen } = live();
    renderer.listen(output(pg, 1, "first"));
    renderer.listen({ type: "error", scope: pg, text: "failed" });
    expect(screen()).toEqual(["pg@10.0.0.3 | first", "error: pg@10.0.0.3: failed"]);
    renderer.close();
  });

  test("a flood is neither held back nor redrawn for each line", () => {
    const { renderer, screen, terminal } = live(200);
    for (let i = 0; i < 10_000; i++) renderer.listen(output(pg, 1, `line ${i} ${"x".repeat(50)}`));
    expect(terminal.err.writes.length).toBeGreaterThan(5);
    expect(terminal.err.writes.length).toBeLessThan(50);
    renderer.close();
    const lines = screen();
    expect(lines).toHaveLength(10_000);
    expect(lines[9999]).toStartWith("pg@10.0.0.3 | line 9999 ");
  });

  test("any order of events: every line once, in order, each by its own worker", () => {
    const someScope = fc.record({
      worker: fc.constantFrom("w1", "w2", "w3", "-"),
      job: fc.constantFrom("a", "b"),
    });
    const someEvent = fc.oneof(
      fc
        .tuple(someScope, fc.nat(5))
        .map(([scope, id]): Event => ({ type: "command_begin", scope, id, cmd: "c" })),
      fc.tuple(someScope, fc.nat(5)).map(([scope, id]): Event => output(scope, id, `text ${id}`)),
      fc
        .tuple(someScope, fc.nat(5))
        .map(([scope, id]): Event => ({ type: "command_end", scope, id, exit: 1, durationMs: 2 })),
      someScope.map((scope): Event => ({ type: "progress", scope, text: "p", state: "begin" })),
      someScope.map((scope): Event => ({ type: "progress", scope, text: "p", state: "end" })),
      someScope.map((scope): Event => ({ type: "error", scope, text: "e" })),
    );
    fc.assert(
      fc.property(fc.array(someEvent, { maxLength: 60 }), (events) => {
        const { renderer, screen } = live(200);
        const plain = memoryTerminal(false);
        const reference = createRenderer(plain);
        for (const event of events) {
          renderer.listen(event);
          reference.listen(event);
        }
        renderer.close();
        expect(screen().join("\n")).toBe(plain.err.text().trimEnd());
      }),
      { numRuns: 200 },
    );
  });
});
