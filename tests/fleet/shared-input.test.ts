// Standard input that many commands read, each from its beginning.

import { expect, test } from "bun:test";
import { shareInput } from "../../src/fleet/shared-input.ts";
import { MaandError } from "../../src/model/error.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function manual(): { stream: ReadableStream<Uint8Array>; push(text: string): void; end(): void } {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
  });
  return { stream, push: (text) => controller.enqueue(bytes(text)), end: () => controller.close() };
}

test("every reader gets all of it, the late one too", async () => {
  const source = manual();
  const input = shareInput(() => source.stream);
  const first = new Response(input.open()).text();
  source.push("one ");
  source.push("two");
  source.end();
  expect(await first).toBe("one two");
  expect(await new Response(input.open()).text()).toBe("one two");
});

test("a reader that leaves does not take the input from the others", async () => {
  const source = manual();
  const input = shareInput(() => source.stream);
  const leaving = input.open().getReader();
  const staying = new Response(input.open()).text();
  source.push("a");
  expect((await leaving.read()).value).toEqual(bytes("a"));
  await leaving.cancel();
  source.push("b");
  source.end();
  expect(await staying).toBe("ab");
});

test("what has come is handed on although the end has not", async () => {
  const source = manual();
  const reader = shareInput(() => source.stream)
    .open()
    .getReader();
  source.push("early");
  expect((await reader.read()).value).toEqual(bytes("early"));
  await reader.cancel();
  source.end();
});

test("nothing is read before somebody opens it", async () => {
  let asked = 0;
  const input = shareInput(() => {
    asked += 1;
    return new Blob(["x"]).stream();
  });
  expect(asked).toBe(0);
  await new Response(input.open()).text();
  await new Response(input.open()).text();
  expect(asked).toBe(1);
});

test("too much input breaks it for all, and says so", async () => {
  const input = shareInput(() => new Blob(["x".repeat(2000)]).stream(), 1000);
  expect(await new Response(input.open()).text().catch((error: unknown) => error)).toBeInstanceOf(MaandError);
  expect(input.broken.aborted).toBe(true);
  expect(input.broken.reason).toMatchObject({ kind: "usage" });
});

test("a source that fails breaks it too", async () => {
  const input = shareInput(
    () =>
      new ReadableStream({
        pull() {
          throw new Error("EIO");
        },
      }),
  );
  expect(await new Response(input.open()).text().catch((error: unknown) => error)).toMatchObject({
    kind: "local",
  });
  expect(input.broken.reason).toMatchObject({ kind: "local", why: "EIO" });
});
