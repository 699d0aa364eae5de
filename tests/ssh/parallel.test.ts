// Caps on work at once: the helper for lists, the limiter, the places below both and below a connection's channels.

import { expect, test } from "bun:test";
import { createFrameReader, frameHead, frameType } from "../../src/ssh/rsync/rsh-protocol.ts";
import { createLimiter, createSlots, mapLimited, type Slot } from "../../src/support/parallel.ts";
import { rejectionOf } from "../support/thrown.ts";

/** Work that counts how much of it is under way. */
function counter() {
  let now = 0;
  let most = 0;
  return {
    most: () => most,
    async work<T>(result: T): Promise<T> {
      now++;
      most = Math.max(most, now);
      await Bun.sleep(1);
      now--;
      return result;
    },
  };
}

test("mapLimited keeps the order and the cap", async () => {
  const count = counter();
  const items = Array.from({ length: 40 }, (_, i) => i);
  expect(await mapLimited(items, 7, (n) => count.work(n * 2))).toEqual(items.map((n) => n * 2));
  expect(count.most()).toBe(7);
  expect(await mapLimited([], 3, () => count.work(1))).toEqual([]);
  expect(await mapLimited([1], 0, () => count.work("one"))).toEqual(["one"]);
});

test("mapLimited begins nothing after a failure and waits for what is under way", async () => {
  const begun: number[] = [];
  let ended = 0;
  const error = await rejectionOf(
    mapLimited([0, 1, 2, 3, 4, 5], 2, async (n) => {
      begun.push(n);
      if (n === 0) throw new Error("first");
      await Bun.sleep(20);
      ended++;
    }),
  );
  expect((error as Error).message).toBe("first");
  expect(begun).toEqual([0, 1]);
  expect(ended).toBe(1);
});

test("a limiter lets the next one in after a failure too", async () => {
  const limit = createLimiter(2);
  const count = counter();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 9 }, (_, i) =>
      limit(async () => {
        await count.work(i);
        if (i % 2 === 0) throw new Error("even");
        return i;
      }),
    ),
  );
  expect(count.most()).toBe(2);
  expect(outcomes.filter((o) => o.status === "fulfilled").length).toBe(4);
});

test("places are given first come first served, also for one who comes back with its ticket", async () => {
  const slots = createSlots(2);
  const admitted: string[] = [];
  const ask = (name: string, ticket?: number) =>
    slots.enter({ ticket }).then((place) => {
      admitted.push(name);
      return place;
    });
  const [a, b] = await Promise.all([ask("a"), ask("b")]);
  const c = ask("c");
  const d = ask("d");
  a.leave();
  const placeC = await c;
  placeC.leave();
  const placeD = await d;
  expect(slots.taken).toBe(2);
  const e = ask("e");
  const again = ask("c again", placeC.ticket);
  placeD.leave();
  placeD.leave();
  (await again).leave();
  (await e).leave();
  b.leave();
  expect(admitted).toEqual(["a", "b", "c", "d", "c again", "e"]);
  expect(slots.taken).toBe(0);
});

test("with fewer places fewer are admitted, never fewer than one", async () => {
  const slots = createSlots(4);
  slots.lower(0);
  const first = await slots.enter();
  let second: Slot | undefined;
  const waiting = slots.enter().then((place) => {
    second = place;
  });
  await Bun.sleep(5);
  expect(second).toBeUndefined();
  first.leave();
  await waiting;
  expect(slots.taken).toBe(1);
});

test("a signal takes one out of the queue and leaves the others in it", async () => {
  const slots = createSlots(1);
  const first = await slots.enter();
  const stop = new AbortController();
  const gone = rejectionOf(slots.enter({ signal: stop.signal }));
  const next = slots.enter();
  stop.abort(new Error("stopped"));
  expect(((await gone) as Error).message).toBe("stopped");
  first.leave();
  (await next).leave();
  expect(slots.taken).toBe(0);
  expect(await rejectionOf(slots.enter({ signal: stop.signal }))).toBeInstanceOf(Error);
});

test("work with one key takes one place, and waits together for the next one", async () => {
  const slots = createSlots(1);
  const admitted: string[] = [];
  const ask = (key: string, name: string) =>
    slots.enter({ key }).then((place) => {
      admitted.push(name);
      return place;
    });
  const [first, second] = await Promise.all([ask("a", "a1"), ask("a", "a2")]);
  const waiting = [ask("b", "b1"), ask("c", "c1"), ask("b", "b2")];
  first.leave();
  await Bun.sleep(1);
  expect([admitted, slots.taken]).toEqual([["a1", "a2"], 1]);
  second.leave();
  await Bun.sleep(1);
  expect([admitted, slots.taken]).toEqual([["a1", "a2", "b1", "b2"], 1]);
  (await waiting[0]!).leave();
  (await waiting[2]!).leave();
  (await waiting[1]!).leave();
  expect([admitted.at(-1), slots.taken]).toEqual(["c1", 0]);
});

test("frames are read however they are cut, others are refused", () => {
  const exit = Buffer.alloc(4);
  exit.writeInt32BE(23);
  const bytes = Buffer.concat([
    frameHead(frameType.stdout, 5),
    Buffer.from("hello"),
    frameHead(frameType.stdout, 3),
    Buffer.from("you"),
    frameHead(frameType.exit, 4),
    exit,
  ]);
  for (let size = 1; size <= bytes.length; size++) {
    let text = "";
    let code: number | undefined;
    const read = createFrameReader({
      part: (part) => {
        text += part.toString();
      },
      exit: (told) => {
        code = told;
      },
    });
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
    expect([text, code]).toEqual(["helloyou", 23]);
  }
  const read = createFrameReader({ part: () => undefined, exit: () => undefined });
  expect(() => read(frameHead(9, 1))).toThrow(RangeError);
});
