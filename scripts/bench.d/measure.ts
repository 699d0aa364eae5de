// Measuring: two pieces of work in turn, the best of a few rounds of each, told as a ratio.

/** How often each work is done; the best counts, because noise only ever adds. */
export const rounds = Number(process.argv[3] ?? 3);

export interface Row {
  work: string;
  /** Best of the rounds, milliseconds; MiB for a row of memory. */
  measured: number;
  unit: "ms" | "MiB";
  /** What it is held against, and how that came out; absent for an absolute bar. */
  yardstick?: string;
  yardstickMs?: number;
  ratio?: number;
  bar: string;
}

export const rows: Row[] = [];

/** Milliseconds of one piece of work. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

type Work = (round: number) => Promise<unknown>;

/** Runs both in turn, so that a noisy moment meets both, and keeps the best of each. `before` comes ahead of each. */
export async function compare(
  work: string,
  bar: string,
  yardstick: string,
  ours: Work,
  theirs: Work,
  before: Work = async () => undefined,
): Promise<void> {
  let [measured, yardstickMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < rounds; round++) {
    await before(round);
    measured = Math.min(measured, await time(() => ours(round)));
    yardstickMs = Math.min(yardstickMs, await time(() => theirs(round)));
  }
  note({ work, measured, unit: "ms", yardstick, yardstickMs, ratio: measured / yardstickMs, bar });
}

/** Runs work against an absolute bar. */
export async function measure(
  work: string,
  bar: string,
  ours: Work,
  before: Work = async () => undefined,
): Promise<void> {
  let measured = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    await before(round);
    measured = Math.min(measured, await time(() => ours(round)));
  }
  note({ work, measured, unit: "ms", bar });
}

/** Keeps a row and prints it. */
export function note(row: Row): void {
  rows.push(row);
  const against =
    row.yardstick === undefined
      ? ""
      : `  ${row.yardstick.padEnd(24)} ${row.yardstickMs!.toFixed(0).padStart(7)} ms  ratio ${row.ratio!.toFixed(2).padStart(6)}`;
  console.log(
    `${row.work.padEnd(52)} ${row.measured.toFixed(0).padStart(7)} ${row.unit.padEnd(3)}${against}  (${row.bar})`,
  );
}
