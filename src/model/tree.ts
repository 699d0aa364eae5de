// The files of one allocation as they lie under `jobs/<job>/` on its worker, and the hash over all of them.

import { createHash } from "node:crypto";
import { compareText } from "../support/order.ts";

/** One entry; `ref` is a file's SHA-256 in hex, a link's target, or "" for a directory. */
export interface TreeFile {
  path: string;
  kind: "file" | "dir" | "link";
  /** Permission bits; 0 for a link, which has none of its own. */
  mode: number;
  ref: string;
  /**
   * Where the same text with every secret as `***` is kept (`maskedName`), or "" when there can be none; only for a
   * file that a secret went into, and such a file is never shown as it is. Not part of the hash.
   */
  shown?: string;
}

/**
 * The name under which the masked twin of a file's bytes is kept among the file contents. It is known before there is
 * a twin, so that a tree says which of its files are secret although only what is promoted gets a twin.
 */
export function maskedName(sha256: string): string {
  return `masked:${sha256}`;
}

/** The content hash of an allocation: SHA-256 over the sorted entries. Any order in, same hash out. */
export function treeHash(files: readonly TreeFile[]): string {
  const hash = createHash("sha256");
  for (const file of sortTree(files)) hash.update(`${file.path}\0${file.kind}\0${file.mode}\0${file.ref}\n`);
  return hash.digest("hex");
}

export function sortTree(files: readonly TreeFile[]): TreeFile[] {
  return [...files].sort((a, b) => compareText(a.path, b.path));
}

/** Paths that are added, changed or removed between two trees, sorted. */
export function changedPaths(before: readonly TreeFile[], after: readonly TreeFile[]): string[] {
  const identity = (file: TreeFile): string => `${file.kind} ${file.mode} ${file.ref}`;
  const old = new Map(before.map((file) => [file.path, identity(file)]));
  const changed: string[] = [];
  for (const file of after) {
    if (old.get(file.path) !== identity(file)) changed.push(file.path);
    old.delete(file.path);
  }
  return [...changed, ...old.keys()].sort(compareText);
}

/** The stored form of a tree, and back. */
export function encodeTree(files: readonly TreeFile[]): string {
  return JSON.stringify(
    sortTree(files).map(({ path, kind, mode, ref, shown }) =>
      shown === undefined ? [path, kind, mode, ref] : [path, kind, mode, ref, shown],
    ),
  );
}

export function decodeTree(text: string): TreeFile[] {
  const rows = JSON.parse(text) as [string, TreeFile["kind"], number, string, string?][];
  return rows.map(([path, kind, mode, ref, shown]) => ({
    path,
    kind,
    mode,
    ref,
    ...(shown === undefined ? {} : { shown }),
  }));
}
