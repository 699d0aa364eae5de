// What is added to log files while we look: new lines, rotated files, new workers, new runs.

import { pause } from "../support/pause.ts";
import { completeSize, type LogChain, type LogFile, readForward } from "./log-files.ts";
import {
  checkedRecord,
  type LogFilter,
  type LogRecord,
  type LogTally,
  listChains,
  logDirsFor,
  matchesFilter,
  mergeRecords,
} from "./log-reader.ts";

/** Between two looks at the files. */
const pollSeconds = 0.2;

interface Position {
  inode: number;
  /** Bytes of that file already read; always just behind a newline. */
  offset: number;
}

/** How far each chain has been read, by the path of its current file. */
export type LogPositions = Map<string, Position>;

/** Cuts each chain's newest file to its complete lines and notes where a follower goes on. */
export function markPositions(chains: Map<string, LogChain>): LogPositions {
  const positions: LogPositions = new Map();
  for (const [key, chain] of chains) {
    const newest = chain.at(-1)!;
    newest.size = completeSize(newest);
    positions.set(key, { inode: newest.inode, offset: newest.size });
  }
  return positions;
}

/**
 * Yields the new records of each look that found some, in time order within one look, until `signal` is
 * aborted. `positions` is moved on. Lines of a run directory that appears later are found as well.
 */
export async function* followRecords(
  logsDir: string,
  fixedDirs: readonly string[] | undefined,
  filter: LogFilter,
  positions: LogPositions,
  signal: AbortSignal,
  tally: LogTally,
): AsyncGenerator<LogRecord[]> {
  while (!signal.aborted) {
    const chains = listChains(fixedDirs ?? logDirsFor(logsDir, filter), filter);
    const streams = [...chains].map(([key, chain]) => newRecords(key, chain, filter, positions, tally));
    const found = [...mergeRecords(streams)];
    if (found.length > 0) yield found;
    await pause(pollSeconds, signal);
  }
}

function* newRecords(
  key: string,
  chain: LogChain,
  filter: LogFilter,
  positions: LogPositions,
  tally: LogTally,
): Generator<LogRecord> {
  const position = positions.get(key);
  const at = position === undefined ? -1 : chain.findIndex((file) => file.inode === position.inode);
  for (const [index, file] of chain.entries()) {
    if (index < at) continue;
    const from = index === at ? startIn(file, position!) : 0;
    if (index === chain.length - 1) {
      file.size = from === file.size ? from : Math.max(from, completeSize(file));
      positions.set(key, { inode: file.inode, offset: file.size });
    }
    for (const text of readForward(file, from)) {
      const record = checkedRecord(text, tally);
      if (record !== undefined && matchesFilter(record, filter)) yield record;
    }
  }
}

// A file that is shorter than what was read of it has been emptied by somebody: begin anew.
function startIn(file: LogFile, position: Position): number {
  return file.size < position.offset ? 0 : position.offset;
}
