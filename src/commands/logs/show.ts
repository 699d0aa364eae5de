// `maand logs show`: the structured logs, filtered, as they are or for people, and as they grow.

import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Channel } from "../../cli/output/terminal.ts";
import type { LogChain } from "../../events/log-files.ts";
import { followRecords, markPositions } from "../../events/log-follow.ts";
import {
  isEmptyFilter,
  type LogFilter,
  type LogRecord,
  type LogTally,
  listChains,
  logDirsFor,
  readRecords,
} from "../../events/log-reader.ts";
import type { LogFields } from "../../events/logline.ts";
import { MaandError, reasonOf } from "../../model/error.ts";
import { visible } from "../../support/visible.ts";
import { createLogView } from "./view.ts";

export interface LogsOptions {
  /** `logs/` of the bucket; one that is not there holds no lines. */
  logsDir: string;
  filter: LogFilter;
  /** Only the last so many records that pass the filter. */
  tail?: number;
  /** A directory of one run instead of `logs/`: a path, or a run id (or its beginning) below `logs/runs/`. */
  runDir?: string;
  format: "raw" | "human";
  /** Go on with what is added until the signal is aborted. */
  follow: boolean;
}

/** What was shown; `broken` counts lines that are no log lines (met while reading, whether shown or not). */
export interface LogsResult {
  shown: number;
  broken: number;
}

/** Text is handed out in pieces of about this many characters. */
const pieceChars = 64 * 1024;

/**
 * Writes the wanted records to `out`, in time order over all workers. `raw` gives the lines as they stand in
 * the files, those that are no log lines too when nothing is filtered; `human` groups them by command and
 * counts the others. A reader of `out` that goes away ends it quietly.
 * Throws `not_found` for a `runDir` that is not there and `local` for files that cannot be read.
 */
export async function showLogs(
  options: LogsOptions,
  out: Channel,
  signal: AbortSignal = new AbortController().signal,
): Promise<LogsResult> {
  const writer = createRecordWriter(options, out);
  const tally: LogTally = { broken: 0 };
  try {
    const { chains, dirs } = findChains(options);
    const positions = options.follow ? markPositions(chains) : undefined;
    for (const record of readRecords(chains.values(), options.filter, options.tail, tally))
      if (signal.aborted || !writer.add(record)) break;
    if (writer.flush() && positions !== undefined) {
      const batches = followRecords(options.logsDir, dirs, options.filter, positions, signal, tally);
      for await (const batch of batches) {
        for (const record of batch) writer.add(record);
        if (!writer.flush()) break;
      }
    }
  } catch (thrown) {
    throwReadError(thrown, options.logsDir);
  }
  writer.end(tally.broken);
  return { shown: writer.shown(), broken: tally.broken };
}

/**
 * The wanted records as fields, for `--json`. Lines that are no log lines are counted, not given.
 * Throws as `showLogs` does.
 */
export function collectLogs(options: Omit<LogsOptions, "format" | "follow">): {
  lines: LogFields[];
  broken: number;
} {
  const tally: LogTally = { broken: 0 };
  try {
    const records = readRecords(findChains(options).chains.values(), options.filter, options.tail, tally);
    const lines = [...records].flatMap((record) => (record.fields === undefined ? [] : [record.fields]));
    return { lines, broken: tally.broken };
  } catch (thrown) {
    throwReadError(thrown, options.logsDir);
  }
}

/** `dirs` is set when what is read does not depend on which runs there are. */
function findChains(options: Omit<LogsOptions, "format" | "follow">): {
  chains: Map<string, LogChain>;
  dirs: string[] | undefined;
} {
  const { filter, logsDir } = options;
  const dirs = options.runDir === undefined ? undefined : runDirs(logsDir, options.runDir);
  return { chains: listChains(dirs ?? logDirsFor(logsDir, filter), filter), dirs };
}

function runDirs(logsDir: string, wanted: string): string[] {
  const found = logDirsFor(logsDir, { run: [wanted] });
  if (wanted !== "" && found[0] !== logsDir) {
    if (found.length === 1) return found;
    throw new MaandError("not_found", `${found.length} runs begin with "${wanted}"`, {
      where: { file: join(logsDir, "runs") },
      hint: "give more of the run id",
    });
  }
  if (wanted !== "" && isDirectory(resolve(wanted))) return [resolve(wanted)];
  throw new MaandError("not_found", `there is no run directory "${wanted}"`, {
    where: { file: join(logsDir, "runs") },
    why: "logs of runs are kept for 30 days, then gc deletes them",
    hint: "`maand logs show --tail 20` shows the latest runs; leave --run-dir out to search all logs",
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function throwReadError(thrown: unknown, logsDir: string): never {
  if (thrown instanceof MaandError || (thrown as NodeJS.ErrnoException).code === undefined) throw thrown;
  throw new MaandError("local", "the logs could not be read", {
    where: { file: logsDir },
    why: reasonOf(thrown),
    hint: "check who owns the directory and its modes; maand makes them 0700 and 0600",
    cause: thrown,
  });
}

interface RecordWriter {
  /** False when the reader of the output has gone. */
  add(record: LogRecord): boolean;
  flush(): boolean;
  end(broken: number): void;
  shown(): number;
}

function createRecordWriter(options: LogsOptions, out: Channel): RecordWriter {
  const human = options.format === "human";
  const view = createLogView(out.paint, options.follow);
  let pending: string[] = [];
  let size = 0;
  let shown = 0;
  let open = true;

  function put(text: string): boolean {
    if (text !== "") pending.push(text);
    size += text.length;
    return size < pieceChars ? open : flush();
  }

  function flush(): boolean {
    open = open && out.write(pending.join(""));
    pending = [];
    size = 0;
    return open;
  }

  return {
    add(record) {
      if (human && record.fields === undefined) return open;
      shown += 1;
      if (human) return put(view.add(record.fields!));
      // What somebody else wrote into the file may hold escapes; our own lines hold none.
      return put(`${out.isTty ? visible(record.text) : record.text}\n`);
    },
    flush,
    end(broken) {
      put(view.end());
      if (human && broken > 0 && isEmptyFilter(options.filter))
        put(`${out.paint.dim(`lines that are no log lines: ${broken}; --format raw shows them`)}\n`);
      flush();
    },
    shown: () => shown,
  };
}
