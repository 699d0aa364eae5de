// Writes a set of secret files so that a crash leaves each of them whole or not there.

import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MaandError, reasonOf } from "../model/error.ts";

export interface SecretFile {
  /** File name below the directory. */
  name: string;
  text: string;
}

/**
 * Writes the files with mode 0600 into `dir` (made with 0700 when missing). All are on disk under a temporary
 * name before the first gets its own, in the order given, so that a crash in between is as unlikely as it can be.
 * Throws a MaandError ("local"); then no temporary file stays.
 */
export async function writeSecretFiles(dir: string, files: readonly SecretFile[]): Promise<void> {
  const temporary = (name: string) => join(dir, `.${name}.new`);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (const { name, text } of files) await writeSynced(temporary(name), text);
    for (const { name } of files) await rename(temporary(name), join(dir, name));
    await syncDirectory(dir);
  } catch (thrown) {
    for (const { name } of files) await rm(temporary(name), { force: true }).catch(() => {});
    throw new MaandError("local", `cannot write ${files.map(({ name }) => name).join(" and ")}`, {
      where: { file: dir },
      why: reasonOf(thrown),
      hint: "check the directory's owner and mode and the free space, then run the command again",
      cause: thrown,
    });
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  // What a crash left is removed rather than reused: it might have another mode, or be a link.
  await rm(path, { force: true });
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text, "utf8");
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
