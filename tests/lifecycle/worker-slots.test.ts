// The cap on workers touched at once.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { createWorkerSlots } from "../../src/lifecycle/batches.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("no more workers than the limit at any moment, all work is done, and one worker's work goes side by side", async () => {
  const work = fc.record({ workerIp: fc.constantFrom("a", "b", "c", "d"), turns: fc.nat({ max: 4 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(work, { maxLength: 20 }),
      fc.integer({ min: 1, max: 3 }),
      async (all, limit) => {
        const slots = createWorkerSlots(limit);
        const inside = new Map<string, number>();
        let done = 0;
        await Promise.all(
          all.map(({ workerIp, turns }) =>
            slots(workerIp, async () => {
              inside.set(workerIp, (inside.get(workerIp) ?? 0) + 1);
              expect([...inside.values()].filter((count) => count > 0).length).toBeLessThanOrEqual(limit);
              for (let i = 0; i < turns; i++) await turn();
              inside.set(workerIp, inside.get(workerIp)! - 1);
              done++;
            }),
          ),
        );
        expect(done).toBe(all.length);
      },
    ),
    { numRuns: 60 },
  );
});

test("work on a worker that has a place does not wait for another place", async () => {
  const slots = createWorkerSlots(1);
  let release: () => void = () => undefined;
  const first = slots("a", () => new Promise<void>((resolve) => (release = resolve)));
  await slots("a", async () => undefined);
  release();
  await first;
});

test("a failure gives its place back", async () => {
  const slots = createWorkerSlots(1);
  await expect(slots("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await slots("b", async () => "yes")).toBe("yes");
});
