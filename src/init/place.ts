// Putting the files of a bucket in place: what is missing is made, what is there is kept.

import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { makePrivateDirectory, writeFileAtomically } from "../bucket/private-files.ts";
import { readRegular } from "../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../model/error.ts";

/** What became of one path of the bucket. */
export interface InitStep {
  /** Relative to the bucket root. */
  path: string;
  done: "made" | "updated" | "kept";
  /** A word on it, such as `1 worker`. */
  detail?: string;
}

/** A file that init may have to write. */
export interface InitFile {
  /** Relative to the bucket root. */
  path: string;
  /** 0o644 unless given. */
  mode?: number;
  /** The text to write, given the text that is there now (undefined when there is none); undefined keeps the file. */
  content(existing: string | undefined): string | Uint8Array | undefined;
  detail?: string;
}

/** Directories that only their owner may enter. */
const privateDirectories = ["data", "secrets", "tmp", "logs"] as const;
const openDirectories = ["workspace", "workspace/jobs"] as const;

/**
 * Makes the directories of a bucket, and tightens private ones that are too open.
 * @throws MaandError("local") when the system refuses.
 */
export function makeDirectories(root: string): InitStep[] {
  return guarded(root, () => {
    mkdirSync(root, { recursive: true });
    const before = new Set(
      [...privateDirectories, ...openDirectories].filter((path) => exists(join(root, path))),
    );
    for (const path of privateDirectories) makePrivateDirectory(join(root, path));
    for (const path of openDirectories) mkdirSync(join(root, path), { recursive: true });
    return [...privateDirectories, ...openDirectories].map((path) => ({
      path: `${path}/`,
      done: before.has(path) ? "kept" : "made",
    }));
  });
}

/**
 * Writes one file, whole or not at all, unless its content says that what is there stays.
 * @throws MaandError("local") when the system refuses.
 */
export function placeFile(root: string, file: InitFile): InitStep {
  const named = join(root, file.path);
  return guarded(named, () => {
    const found = exists(named);
    // A link stays a link: the file it points to is the one that is written.
    const path = found ? realpathSync(named) : named;
    const content = file.content(found ? readRegular(path).toString("utf8") : undefined);
    if (content === undefined) return { path: file.path, done: "kept" };
    mkdirSync(dirname(path), { recursive: true });
    // A file of the user's keeps the mode that the user gave it.
    const mode = found ? lstatSync(path).mode & 0o777 : (file.mode ?? 0o644);
    writeFileAtomically(path, content, mode);
    const detail = file.detail === undefined ? {} : { detail: file.detail };
    return { path: file.path, done: found ? "updated" : "made", ...detail };
  });
}

/** Removes what a killed init left behind of the files at `paths` (see `writeFileAtomically` for the names). */
export function removeUnfinished(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    const directory = dirname(join(root, path));
    const prefix = `${basename(path)}.new-`;
    for (const name of exists(directory) ? readdirSync(directory) : []) {
      const isUnfinished = name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length));
      if (isUnfinished) rmSync(join(directory, name), { force: true });
    }
  }
}

/** Takes other users' access to the files of `secrets/` away; returns the names of those that had some. */
export function tightenSecrets(secrets: string): string[] {
  return guarded(secrets, () =>
    readdirSync(secrets, { withFileTypes: true })
      .filter((entry) => entry.isFile() && (lstatSync(join(secrets, entry.name)).mode & 0o077) !== 0)
      .map(({ name }) => {
        chmodSync(join(secrets, name), 0o600);
        return name;
      })
      .sort(),
  );
}

/** The text of a .gitignore that keeps the bucket's private directories out of git; undefined when it does already. */
export function withIgnores(existing: string | undefined): string | undefined {
  const lines = new Set((existing ?? "").split(/\r?\n/).map((line) => line.trim()));
  const isIgnored = (name: string): boolean =>
    [`/${name}/`, `${name}/`, `/${name}`, name].some((line) => lines.has(line));
  const missing = ["data", "secrets", "tmp", "logs"].filter((name) => !isIgnored(name));
  if (missing.length === 0) return undefined;
  const block = `# maand: state, keys and scratch files of this bucket\n${missing.map((name) => `/${name}/\n`).join("")}`;
  if (existing === undefined || existing === "") return block;
  return `${existing}${existing.endsWith("\n") ? "" : "\n"}\n${block}`;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function guarded<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new MaandError("local", "the bucket cannot be written", {
      where: { file: path },
      why: reasonOf(error),
      hint: "check owner, mode and free space, then run maand init again: it goes on where it stopped",
      cause: error,
    });
  }
}
