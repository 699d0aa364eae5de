// maand logs show: flags → the reader of the log files.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { phases } from "../../events/event.ts";
import { logEvents } from "../../events/log-fields.ts";
import { newestRun } from "../../events/log-reader.ts";
import { MaandError } from "../../model/error.ts";
import { suggestName } from "../../support/nearest.ts";
import type { LogsShowFlags } from "./command.ts";
import { collectLogs, showLogs } from "./show.ts";

const formats = ["raw", "human"] as const;

export async function logsShowCommand(
  { shutdown, session, terminal }: BucketInvocation,
  flags: LogsShowFlags,
): Promise<Outcome> {
  const format = formatOf(flags.format ?? "raw");
  if (flags.follow && terminal.json)
    throw new MaandError("usage", "--json and --follow exclude each other", {
      why: "one JSON document has an end",
      hint: 'use --follow with log_format = "jsonl" in maand.conf for one object per line',
    });
  const { event, job, phase, run, worker } = flags;
  refuseUnknown("phase", phase, phases);
  refuseUnknown("event", event, logEvents);
  const options = {
    logsDir: session.paths.logs,
    filter: present({
      event,
      job,
      phase,
      run: run?.map((wanted) => (wanted === "last" ? (newestRun(session.paths.logs) ?? wanted) : wanted)),
      worker,
    }),
    ...present({ tail: flags.tail, runDir: flags.runDir }),
  };
  if (terminal.json) return { json: { ...collectLogs(options) } };
  const { shown } = await showLogs(
    { ...options, format, follow: flags.follow },
    terminal.stdout,
    shutdown.graceful,
  );
  // Silence would leave it open whether the filter or the log was empty.
  if (shown === 0 && !terminal.quiet && !flags.follow) terminal.stderr.write("no log line matches\n");
  return { ending: endingOf({ interrupted: shutdown.graceful.aborted, failed: false }) };
}

/** These have a fixed set of names; a worker or job that is gone by now may still be in the logs. */
function refuseUnknown(flag: string, names: readonly string[] | undefined, known: readonly string[]): void {
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new MaandError("usage", `--${flag} "${unknown}" never stands in a log`, {
    hint: `known are ${known.join(", ")}`,
  });
}

function formatOf(name: string): (typeof formats)[number] {
  const format = formats.find((candidate) => candidate === name);
  if (format !== undefined) return format;
  throw new MaandError("usage", `there is no log format "${name}"`, { hint: suggestName(name, formats) });
}

/** The members that are set: an absent filter and one that is undefined are not the same to the types. */
function present<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
