// Semaphores: never more holders than places, first come first served, nothing held by who has ended.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { createSemaphores, semaphoreScope } from "../../src/hooks/api/semaphores.ts";

const user = (name: string) => ({ invocation: name, allocId: `alloc-${name}` });
const one = { capacity: 1, timeoutSeconds: 60 };

test("the second waits until the first lets go", async () => {
  const semaphores = createSemaphores();
  expect(await semaphores.acquire("s", user("a"), one)).toBe("acquired");
  const waiting = semaphores.acquire("s", user("b"), one);
  expect(semaphores.status("s")).toEqual({ capacity: 1, holders: ["alloc-a"], waiting: 1, available: 0 });
  expect(semaphores.release("s", user("a"))).toBe(true);
  expect(await waiting).toBe("acquired");
  expect(semaphores.status("s").holders).toEqual(["alloc-b"]);
});

test("who does not hold cannot release, and nothing of an unused semaphore stays", async () => {
  const semaphores = createSemaphores();
  expect(semaphores.release("s", user("a"))).toBe(false);
  await semaphores.acquire("s", user("a"), { capacity: 3, timeoutSeconds: 1 });
  expect(semaphores.release("s", user("b"))).toBe(false);
  expect(semaphores.release("s", user("a"))).toBe(true);
  expect(semaphores.release("s", user("a"))).toBe(false);
  expect(semaphores.status("s")).toEqual({ capacity: 1, holders: [], waiting: 0, available: 1 });
});

test("a wait ends with its time, with its asker, and with its invocation", async () => {
  const semaphores = createSemaphores();
  await semaphores.acquire("s", user("a"), one);
  expect(await semaphores.acquire("s", user("b"), { capacity: 1, timeoutSeconds: 0 })).toBe("timeout");
  const controller = new AbortController();
  const dropped = semaphores.acquire("s", user("c"), { ...one, signal: controller.signal });
  controller.abort();
  expect(await dropped).toBe("ended");
  expect(await semaphores.acquire("s", user("d"), { ...one, signal: AbortSignal.abort() })).toBe("ended");
  const ended = semaphores.acquire("s", user("e"), one);
  semaphores.endInvocation("e");
  expect(await ended).toBe("ended");
  expect(semaphores.status("s")).toEqual({ capacity: 1, holders: ["alloc-a"], waiting: 0, available: 0 });
});

test("the end of an invocation frees what it holds for who waits", async () => {
  const semaphores = createSemaphores();
  await semaphores.acquire("s", user("a"), one);
  const waiting = semaphores.acquire("s", user("b"), one);
  semaphores.endInvocation("a");
  expect(await waiting).toBe("acquired");
});

test("another capacity than the one in use is refused, holding twice is holding once", async () => {
  const semaphores = createSemaphores();
  await semaphores.acquire("s", user("a"), { capacity: 2, timeoutSeconds: 1 });
  expect(await semaphores.acquire("s", user("b"), one)).toEqual({ otherCapacity: 2 });
  expect(await semaphores.acquire("s", user("a"), { capacity: 2, timeoutSeconds: 1 })).toBe("acquired");
  expect(semaphores.status("s").available).toBe(1);
});

test("job, event and name make a semaphore", () => {
  const scopes = [
    semaphoreScope("a", "cli", "x"),
    semaphoreScope("a", "cli", "y"),
    semaphoreScope("a", "post_deploy", "x"),
    semaphoreScope("b", "cli", "x"),
    semaphoreScope('a","cli', "x", "z"),
  ];
  expect(new Set(scopes).size).toBe(scopes.length);
});

test("whatever happens: holders never pass the capacity, and in the end everybody has had a turn in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.boolean(), { maxLength: 12 }),
      async (capacity, ends) => {
        const semaphores = createSemaphores();
        const turns: number[] = [];
        const waits = ends.map((_, i) =>
          semaphores.acquire("s", user(String(i)), { capacity, timeoutSeconds: 60 }).then((outcome) => {
            expect(outcome).toBe("acquired");
            turns.push(i);
          }),
        );
        for (const [i, byEnd] of ends.entries()) {
          await Promise.resolve();
          const status = semaphores.status("s");
          expect(status.holders.length).toBeLessThanOrEqual(capacity);
          expect(status.holders).toContain(`alloc-${i}`);
          if (byEnd) semaphores.endInvocation(String(i));
          else expect(semaphores.release("s", user(String(i)))).toBe(true);
        }
        await Promise.all(waits);
        expect(turns).toEqual(ends.map((_, i) => i));
      },
    ),
    { numRuns: 50 },
  );
});
