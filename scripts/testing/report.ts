// Reads the JUnit report of one test file: the only source of the counts that a run prints.

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Counts of one file. `report` is the text of its JUnit file, undefined when there is none, and `code` the exit code of
 * its process, null when a signal ended it. What a report cannot tell counts as a failure: a file that does not parse or
 * ends the process early has no report, a file without tests has nothing to show, and a process that fails beside
 * passing tests failed somewhere between them. `why` says which of these it was.
 */
export function countTests(report: string | undefined, code: number | null): Counts & { why?: string } {
  const totals = report === undefined ? undefined : rootTotals(report);
  if (totals === undefined) {
    const end = code === null ? "a signal" : `exit code ${code}`;
    return { passed: 0, failed: 1, skipped: 0, why: `the file ended with ${end} and without a report` };
  }
  if (totals.tests === 0) return { passed: 0, failed: 1, skipped: 0, why: "the file has no tests" };
  const failed = totals.failures + totals.errors;
  const counts = { passed: totals.tests - failed - totals.skipped, failed, skipped: totals.skipped };
  if (failed > 0 || code === 0) return counts;
  return { ...counts, failed: 1, why: `all tests passed, but the process ended with ${code ?? "a signal"}` };
}

interface Totals {
  tests: number;
  failures: number;
  errors: number;
  skipped: number;
}

/** The attributes of `<testsuites>`, in which bun sums up the file; undefined when the report is cut off or not one. */
function rootTotals(report: string): Totals | undefined {
  const root = /<testsuites\b([^>]*)>/.exec(report)?.[1];
  if (root === undefined || !report.trimEnd().endsWith("</testsuites>")) return undefined;
  const number = (name: string) => {
    const value = new RegExp(`\\s${name}="(\\d+)"`).exec(root)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const tests = number("tests");
  const failures = number("failures");
  if (tests === undefined || failures === undefined) return undefined;
  return { tests, failures, errors: number("errors") ?? 0, skipped: number("skipped") ?? 0 };
}

/** `12 passed, 0 failed`, and `, 1 skipped` when there is one: the line that CI reads. */
export function summaryLine(counts: Counts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`;
  return counts.skipped === 0 ? line : `${line}, ${counts.skipped} skipped`;
}
