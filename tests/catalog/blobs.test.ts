// Content in the catalog: whole and in pieces, plain and encrypted, and nothing of it left when it goes.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBlobs } from "../../src/catalog/blobs.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import { deleteUnusedContent } from "../../src/catalog/purge.ts";
import { cipherFromFile, createKey } from "../../src/kv/cipher.ts";
import { MaandError } from "../../src/model/error.ts";
import { thrownBy } from "../support/thrown.ts";
import { useTempDir } from "../support/use.ts";

const tempDir = useTempDir();
const megabyte = 1024 * 1024;

function newBlobs() {
  const dir = tempDir();
  writeFileSync(join(dir, "kv.key"), createKey(), { mode: 0o600 });
  const catalog = openCatalog(join(dir, "maand.db"), { create: true });
  return { catalog, blobs: openBlobs(catalog, cipherFromFile(join(dir, "kv.key"))) };
}

const rowsOf = (catalog: ReturnType<typeof openCatalog>) =>
  catalog.query<{ count: number }, []>("SELECT count(*) AS count FROM blob_piece").get()!.count;

for (const size of [0, 1, 4 * megabyte, 4 * megabyte + 1, 9 * megabyte]) {
  for (const encrypted of [false, true]) {
    test(`${size} bytes, ${encrypted ? "encrypted" : "plain"}, as a whole and in odd parts`, () => {
      const { blobs } = newBlobs();
      const content = randomBytes(size);
      const parts: Uint8Array[] = [];
      for (let at = 0, step = 1; at < size; at += step, step = Math.min(step * 7, 700_001))
        parts.push(content.subarray(at, at + step));
      blobs.put("whole", content, encrypted);
      blobs.put("parts", parts, encrypted);
      for (const name of ["whole", "parts"]) {
        expect(Buffer.compare(blobs.read(name), content)).toBe(0);
        const read = [...blobs.pieces(name)];
        expect(Buffer.compare(Buffer.concat(read), content)).toBe(0);
        expect(Math.max(...read.map(({ length }) => length))).toBeLessThanOrEqual(4 * megabyte);
      }
      // What is there is not written again.
      blobs.put("parts", [randomBytes(5)], encrypted);
      expect(blobs.read("parts")).toHaveLength(size);
    });
  }
}

test("encrypted pieces cannot change places, and a lost one is told", () => {
  const { blobs, catalog } = newBlobs();
  blobs.put("x", randomBytes(9 * megabyte), true);
  expect(rowsOf(catalog)).toBe(3);
  catalog.run("UPDATE blob_piece SET piece = piece + 10");
  catalog.run("UPDATE blob_piece SET piece = CASE piece WHEN 10 THEN 1 WHEN 11 THEN 0 ELSE 2 END");
  expect(thrownBy(() => blobs.read("x"))).toBeInstanceOf(MaandError);
  catalog.run("DELETE FROM blob_piece WHERE piece = 0");
  expect(thrownBy(() => blobs.read("x"))).toBeInstanceOf(MaandError);
});

test("content that nothing names goes with its pieces", () => {
  const { blobs, catalog } = newBlobs();
  blobs.put("x", randomBytes(9 * megabyte), false);
  expect(blobs.size("x")).toBe(9 * megabyte);
  expect(deleteUnusedContent(catalog)).toEqual({ trees: 0, blobs: 1 });
  expect([rowsOf(catalog), blobs.size("x")]).toEqual([0, 0]);
});
