// What a command is sent in: every login shell passes it on as it is, and its words are found however they arrive.

import { expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { Readable } from "node:stream";
import fc from "fast-check";
import { seal } from "../../src/ssh/exec/envelope.ts";
import { firstWord } from "../../src/ssh/exec/first-word.ts";
import { errorOutput } from "../../src/ssh/exec/last-word.ts";
import { quoteWord } from "../../src/ssh/exec/quote.ts";

setDefaultTimeout(60_000);

const shells = ["sh", "bash", "dash", "tcsh", "fish"];

/** What a shell makes of a sealed text: as sshd runs it. */
function run(shell: string, text: string) {
  const { word, line } = seal(text);
  const { stdout, stderr, status } = spawnSync(shell, ["-c", line], { encoding: "latin1" });
  return { word, stdout, stderr, status };
}

const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

test.each(shells)("%s: begin on both outputs, end with the status on the error output", (shell) => {
  const { word, stdout, stderr, status } = run(shell, "printf out; printf err >&2; exit 7");
  expect(stdout).toBe(`${word}out`);
  expect(stderr).toBe(`${word}err${word}7/`);
  expect(status).toBe(7);
});

test.each(shells)("%s: exec and a syntax error come back to the last word too", (shell) => {
  const replaced = run(shell, "exec sh -c 'exit 5'");
  expect(replaced.stderr).toBe(`${replaced.word}${replaced.word}5/`);
  const broken = run(shell, "if");
  expect(broken.stderr).toMatch(new RegExp(`^${broken.word}[^]*${broken.word}2/$`));
});

test.each(shells)("%s: no character is lost or changed", (shell) => {
  const hard =
    "\\ \\\\ \\n \\' ' '' \" ! !! !x ^a^b $HOME $(id) `id` %s %b * ? [a] {a,b} ~ # & ; | < > \t\n\r\x01\x7f ü € 😀 -n";
  expect(run(shell, `printf %s ${quoteWord(hard)}`).stdout).toEndWith(`:${utf8(hard)}`);
  const long = "it's!\\".repeat(2000);
  // Compared as a whole: a difference need not be shown.
  expect(run(shell, `printf %s ${quoteWord(long)}`).stdout?.endsWith(`:${long}`)).toBe(true);
  const words = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(words, (text) => {
      expect(
        run(shell, `printf %s ${quoteWord(text)}`)
          .stdout.split(":")
          .slice(2)
          .join(":"),
      ).toBe(utf8(text));
    }),
    { numRuns: 25 },
  );
});

const word = "maand:0123456789abcdef:";

/** The bytes in pieces, cut at these places. */
function pieces(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((to, i) => bytes.subarray(places[i], to));
}

const noise = fc.constantFrom("", "Welcome\n", "maand:", "maand:0123", "m\xff\0");
const said = fc.constantFrom(
  "",
  "error\n",
  word.slice(0, -1),
  `sh ${word} '...`,
  `${word}x/`,
  "maand:\xfe",
  `${word}`,
);
const cuts = fc.array(fc.nat(400), { maxLength: 12 });

test("the error output is what the command printed, in whatever pieces it comes", async () => {
  await fc.assert(
    fc.asyncProperty(noise, said, fc.nat(255), said, cuts, async (before, text, code, after, places) => {
      const output = errorOutput({ word });
      const chunks: Buffer[] = [];
      output.on("data", (chunk: Buffer) => chunks.push(chunk));
      for (const piece of pieces(`${before}${word}${text}${word}${code}/${after}`, places))
        output.write(piece);
      output.end();
      await new Promise((resolve) => output.once("close", resolve));
      expect(Buffer.concat(chunks).toString("latin1")).toBe(`${text}${after}`);
      expect(output.status).toBe(code);
      expect(output.noise.toString("latin1")).toBe(before);
    }),
    { numRuns: 300 },
  );
});

test("without its last word a command has no status, whatever it printed", async () => {
  for (const text of ["", word, `${word}error`, `${word}0/`, `${word}${word}`, `${word}${word}12`]) {
    const output = errorOutput({ word });
    output.resume();
    output.end(text);
    await new Promise((resolve) => output.once("close", resolve));
    expect(output.status).toBeUndefined();
  }
});

test("the output begins right after the first word, and no byte of it is lost", async () => {
  await fc.assert(
    fc.asyncProperty(noise, fc.uint8Array({ maxLength: 100 }), cuts, async (before, bytes, places) => {
      const text = Buffer.from(bytes).toString("latin1");
      const stream = Readable.from(pieces(`${before}${word}${text}`, places), { objectMode: false });
      const beginning = await firstWord(stream, { word });
      expect(beginning.begun).toBe(true);
      expect(beginning.noise.toString("latin1")).toBe(before);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString("latin1")).toBe(text);
    }),
    { numRuns: 200 },
  );
});

test("a session that ends before the word has not begun, and its noise is bounded", async () => {
  const stream = Readable.from([Buffer.alloc(100_000, "x")], { objectMode: false });
  const { begun, noise: kept } = await firstWord(stream, { word });
  expect(begun).toBe(false);
  expect(kept.length).toBe(2048);
});
