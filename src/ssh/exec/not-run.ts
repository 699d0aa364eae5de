// A command that the worker's login shell did not run, or that did not tell how it ended: what was met, in the worker's words.

import { MaandError } from "../../model/error.ts";
import { visible } from "../../support/visible.ts";

/** What is known of the session of such a command. */
export interface Heard {
  /** How the session ended, by sshd's word; undefined while it has not told. */
  exit: { exitCode: number; signal?: string } | undefined;
  /** What was printed before the command began, on the error output and on the output. */
  errors: Buffer;
  output?: Buffer;
}

const hint =
  "see that `ssh USER@HOST true; echo $?` prints 0 and nothing else: a login shell that runs commands, no exit, exec or question in its login files, no ForceCommand in sshd_config";

/** The error for a session that ended before the command began. */
export function notBegun(worker: string, told: Heard): MaandError {
  return new MaandError("remote", "the login shell of the worker did not run the command", {
    where: { worker },
    why: `${cause(told)}: it ${said(told)} and ended ${endOf(told)}`,
    hint,
  });
}

/** The error for a session that goes on and in which the command does not begin. */
export function notBegunInTime(worker: string, seconds: number, told: Heard): MaandError {
  return new MaandError("remote", "the login shell of the worker did not run the command in time", {
    where: { worker },
    why: `it ${said(told)} and did nothing more for ${seconds} s (connect_timeout); a login file that asks something or starts another shell (exec) does this`,
    hint,
  });
}

/** The error for a command that began and whose end nobody told. */
export function noLastWord(worker: string, told: Heard): MaandError {
  return new MaandError("remote", "a remote command did not tell how it ended", {
    where: { worker },
    why: `its session ended ${endOf(told)}, and the command's own last word did not come: it, or the shell around it, was cut off`,
    hint: "look at the log of sshd and of the kernel on the worker (a full memory ends processes); a ForceCommand that keeps the error output to itself does this too",
  });
}

/** What login files printed, as one line that is fit for a message. */
export function quoted(bytes: Buffer): string {
  const lines = bytes
    .toString("utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const shown = lines.slice(0, shownLines).join("; ");
  const cut = lines.length > shownLines || shown.length > shownChars;
  return `"${visible(shown.slice(0, shownChars))}${cut ? " ..." : ""}"`;
}

/** A banner is told by its first lines. */
const shownLines = 3;
const shownChars = 200;

/** What most likely stands in the way; the words that follow it say what was seen. */
function cause({ exit, errors, output }: Heard): string {
  const printed = Buffer.concat([errors, output ?? Buffer.alloc(0)]).toString("latin1");
  if (/\bnologin\b|account is (?:currently )?not available/i.test(printed))
    return "the user has a shell that lets nobody in (nologin)";
  if (exit?.exitCode === 126 || exit?.exitCode === 127) return "the login shell cannot start sh";
  if (exit?.exitCode === 0)
    return "a login file ends the shell (exit, exec), or a ForceCommand takes the command's place";
  return "the user's shell lets nobody in (/bin/false), a login file ends it, or a ForceCommand takes the command's place";
}

function said({ errors, output }: Heard): string {
  const printed = Buffer.concat([output ?? Buffer.alloc(0), Buffer.from("\n"), errors]);
  return printed.toString("latin1").trim() === "" ? "printed nothing" : `printed ${quoted(printed)}`;
}

function endOf({ exit }: Heard): string {
  if (exit === undefined) return "without an exit status";
  return exit.signal === undefined ? `with status ${exit.exitCode}` : `by ${exit.signal}`;
}
