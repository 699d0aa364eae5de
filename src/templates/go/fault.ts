// Faults on their way up: from where they are found, to the node they belong to, to one MaandError with a place.

import { MaandError } from "../../model/error.ts";

interface CallFaultDetails {
  shown?: string | undefined;
  hint?: string | undefined;
  quotesArguments?: boolean;
}

/** Something is wrong in a call; the evaluator knows the function and the place and adds them. */
export class CallFault extends Error {
  /** A value that helps to understand the fault; left out of the message when an argument was a secret. */
  readonly shown: string | undefined;
  readonly hint: string | undefined;
  /** The words themselves hold arguments: all of them are left out when an argument was a secret. */
  readonly quotesArguments: boolean;

  constructor(what: string, details: CallFaultDetails = {}) {
    super(what);
    this.shown = details.shown;
    this.hint = details.hint;
    this.quotesArguments = details.quotesArguments ?? false;
  }
}

/** Something is wrong at a known offset (UTF-16 units) of the source. */
export class SourceFault extends Error {
  readonly offset: number;
  readonly stage: "parse" | "render";
  readonly action: string | undefined;
  readonly hint: string | undefined;
  readonly why: string | undefined;

  constructor(
    stage: "parse" | "render",
    offset: number,
    what: string,
    details: { action?: string; hint?: string | undefined; why?: string | undefined } = {},
  ) {
    super(what);
    this.stage = stage;
    this.offset = offset;
    this.action = details.action;
    this.hint = details.hint;
    this.why = details.why;
  }
}

/** Line and column, both from 1, of an offset; columns count characters, as editors do. */
function positionIn(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = before.indexOf("\n"); at >= 0; at = before.indexOf("\n", at + 1)) line++;
  let column = 1;
  for (const _ of before.slice(lineStart)) column++;
  return { line, column };
}

/** The error that users of the template room see: `what` names the action, `where` the file, line and column. */
export function templateError(file: string, source: string, fault: SourceFault): MaandError {
  const what = fault.action === undefined ? fault.message : `<${shorten(fault.action)}>: ${fault.message}`;
  return new MaandError("render", what, {
    where: { file, ...positionIn(source, fault.offset) },
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
    ...(fault.why === undefined ? {} : { why: fault.why }),
  });
}

function shorten(action: string): string {
  const line = action.replaceAll("\n", "\\n");
  return line.length <= 60 ? line : `${line.slice(0, 57)}...`;
}
