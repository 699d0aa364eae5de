// What a command is sent in, so that any login shell passes it on unchanged and the worker proves that it ran and how it ended.
//
// sshd gives a command to the login shell of the user, and that may be anything: one that prints a greeting, one that
// ends at once, one that is no POSIX shell. So all that is left to it is one `exec sh -c` whose words hold only what
// sh, bash, dash, zsh, fish and tcsh read alike. That shell prints a word that only this run knows before the command on
// both outputs, and after it once more on the error output, with the status. What comes before the first word was
// printed by login files; without the last word nobody has seen the command end.

import { randomBytes } from "node:crypto";

/** The word of one command. Both outputs begin with it; its last coming is followed by the status and a slash. */
export interface Envelope {
  word: string;
  /** The line for sshd. */
  line: string;
}

/**
 * `$1` is the word, `$2` the command. In a subshell: whatever the command does, `exit` and `exec` included, comes back to
 * the last word. Nothing here but builtins, so that it costs forks and no programs. SHLVL keeps a bash further down from
 * reading .bashrc, which it does at the first level of a session of sshd, whatever it was started for.
 */
const wrapper =
  'SHLVL=2;export SHLVL;printf %s "$1";printf %s "$1">&2;(eval "$(printf %b "$2")");s=$?;printf %s "$1$s/">&2;exit $s';

/** The text for a POSIX shell, ready to be sent. */
export function seal(text: string): Envelope {
  const word = `maand:${randomBytes(8).toString("hex")}:`;
  return { word, line: `exec sh -c '${wrapper}' sh ${word} '${escaped(text)}'` };
}

/** Bytes of the line that a text becomes. */
export function enclosedBytes(text: string): number {
  return seal(text).line.length;
}

/**
 * The text as `printf %b` reads it: `\0ooo` stands for a byte. Only plain ASCII is left as it is, and none of it that a
 * shell reads within single quotes: ' itself, \ (fish), ! and line breaks (tcsh).
 */
function escaped(text: string): string {
  return text.replace(/[^ "#-&(-[\]-~]+/g, (run) =>
    [...Buffer.from(run, "utf8")].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join(""),
  );
}
