// openssl as an independent judge of keys and certificates.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { now } from "./builders/certs.ts";

export interface Ran {
  status: number;
  output: string;
}

/** Runs openssl in `dir`; gives its status and all that it printed. */
export function openssl(dir: string, ...args: string[]): Ran {
  const run = spawnSync("openssl", args, { cwd: dir, encoding: "utf8", timeout: 30_000 });
  if (run.error !== undefined) throw run.error;
  return { status: run.status ?? -1, output: `${run.stdout}${run.stderr}` };
}

/** The same, for steps that must work. */
export function mustOpenssl(dir: string, ...args: string[]): string {
  const { status, output } = openssl(dir, ...args);
  if (status !== 0) throw new Error(`openssl ${args.join(" ")} exited ${status}: ${output}`);
  return output;
}

/** Strict verification of `file` against ca.crt at the time that the tests call now. */
export function verify(dir: string, file: string, ...more: string[]): Ran {
  const at = String(Math.floor(now / 1000));
  return openssl(dir, "verify", "-x509_strict", "-attime", at, "-CAfile", "ca.crt", ...more, file);
}

/** Writes a file for openssl to read. */
export function put(dir: string, name: string, text: string): void {
  writeFileSync(join(dir, name), text);
}
