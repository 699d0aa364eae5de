// What a worker answers, as facts: x86, ARM without MHz, and answers that are not whole.

import { expect, test } from "bun:test";
import { cpus, totalmem } from "node:os";
import fc from "fast-check";
import { cpuCapacity, factsCommand, parseFacts } from "../../src/fleet/facts.ts";

const lines = (...facts: string[]) => `${facts.map((fact) => `maand-fact ${fact}`).join("\n")}\n`;

test("an x86 worker", () => {
  const facts = parseFacts(
    `Welcome to w0!\n${lines(
      "hostname w0",
      "kernel Linux 6.1.0",
      "arch x86_64",
      "os Debian GNU/Linux 12 (bookworm)",
      "cores 4",
      "online 4",
      "mhz 2399.998",
      "memory_kb 8142748",
      "disk_kb 10485760 5242880",
      "uptime 3600.55",
      "tool bash GNU bash, version 5.2.15(1)-release",
      "done",
    )}`,
  )!;
  expect(facts).toEqual({
    hostname: "w0",
    kernel: "Linux 6.1.0",
    arch: "x86_64",
    os: "Debian GNU/Linux 12 (bookworm)",
    cores: 4,
    mhz: 2399.998,
    memoryMb: 7951,
    disk: { totalMb: 10240, freeMb: 5120 },
    uptimeSeconds: 3600,
    tools: { bash: "GNU bash, version 5.2.15(1)-release" },
  });
  expect(cpuCapacity(facts)).toBe(9600);
});

test.each([
  ["lscpu's highest", ["lscpu_max 2400.0000", "lscpu_mhz 600.0000", "khz 1800000"], 9600],
  ["lscpu's current", ["lscpu_mhz 1500.0000"], 6000],
  ["cpufreq, in kHz", ["khz 1800000"], 7200],
  ["nothing", [], undefined],
])("ARM without MHz in /proc/cpuinfo: %s", (_, extra, expected) => {
  expect(cpuCapacity(parseFacts(lines("cores 4", ...extra, "done"))!)).toBe(expected);
});

test("without processor lines the number of online CPUs counts", () => {
  expect(parseFacts(lines("online 8", "mhz 1000", "done"))!.cores).toBe(8);
});

test("an answer that was cut off is none", () => {
  expect(parseFacts(lines("cores 4", "mhz 1000"))).toBeUndefined();
  expect(parseFacts("")).toBeUndefined();
});

test("whatever a worker prints, numbers are positive or absent", () => {
  const key = fc.constantFrom(
    "cores",
    "online",
    "mhz",
    "khz",
    "memory_kb",
    "disk_kb",
    "uptime",
    "tool bash",
    "os",
  );
  const line = fc.tuple(key, fc.string()).map(([name, value]) => `maand-fact ${name} ${value}`);
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string())), (answer) => {
      const facts = parseFacts(`${answer.join("\n")}\nmaand-fact done\n`)!;
      for (const number of [facts.cores, facts.mhz, facts.memoryMb, facts.uptimeSeconds, facts.disk?.totalMb])
        expect(number === undefined || (Number.isFinite(number) && number >= 0)).toBe(true);
    }),
  );
});

test("the command works in a real shell and agrees with the system", async () => {
  const shell = Bun.spawn(["sh", "-c", factsCommand("/no/such/worker/root").text], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const facts = parseFacts(await new Response(shell.stdout).text())!;
  expect(await new Response(shell.stderr).text()).toBe("");
  expect(facts.cores).toBe(cpus().length);
  expect(facts.memoryMb).toBe(Math.floor(totalmem() / 1024 / 1024));
  expect(facts.disk!.totalMb).toBeGreaterThanOrEqual(facts.disk!.freeMb);
  expect(Object.keys(facts.tools)).toEqual(["bash", "make", "python3", "rsync", "timeout"]);
});
