// What SQLite says when it cannot do its work, as an error that the operator can act on.

import { SQLiteError } from "bun:sqlite";
import { MaandError } from "../model/error.ts";

const hints: readonly [code: string, hint: string][] = [
  ["SQLITE_FULL", "free space on the disk that holds data/, then run the command again"],
  [
    "SQLITE_IOERR",
    "check the disk that holds data/ and the space that is left on it, then run the command again",
  ],
  ["SQLITE_READONLY", "make data/ and the files in it writable for the user who runs maand"],
  ["SQLITE_CANTOPEN", "make data/ and the files in it readable and writable for the user who runs maand"],
  ["SQLITE_BUSY", "wait until the program that has data/maand.db open is done, then run the command again"],
];

const otherwise = "restore data/ from a backup if the file is damaged";

/** What was thrown: an error that says what to do, or something that nobody has foreseen. */
export type Recognized = { known: true; error: MaandError } | { known: false; thrown: unknown };

/** An error of SQLite is MaandError("catalog"), a MaandError is known as it is. `file` is the catalog's path. */
export function catalogFailure(thrown: unknown, file: string): Recognized {
  if (thrown instanceof MaandError) return { known: true, error: thrown };
  if (!(thrown instanceof SQLiteError)) return { known: false, thrown };
  const code = thrown.code ?? "";
  const hint = hints.find(([prefix]) => code.startsWith(prefix))?.[1] ?? otherwise;
  const error = new MaandError("catalog", "cannot write the catalog", {
    where: { file },
    why: `${thrown.message} (${code}); what was not committed is undone`,
    hint,
    cause: thrown,
  });
  return { known: true, error };
}

/** Throws it again, as `catalogFailure` knows it. */
export function rethrow(thrown: unknown, file: string): never {
  const recognized = catalogFailure(thrown, file);
  throw recognized.known ? recognized.error : recognized.thrown;
}
