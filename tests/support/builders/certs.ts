// What the certificate tests share: scratch directories, openssl as an independent judge, sample declarations.

import { afterAll } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alternativeNames } from "../../../src/certs/alternative-names.ts";
import type { LeafContent } from "../../../src/certs/leaf.ts";
import { MaandError } from "../../../src/model/error.ts";
import type { CertDeclaration } from "../../../src/model/manifest.ts";

export const now = Date.parse("2026-03-01T10:20:30.400Z");

/** A new directory that goes when the test file is done. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "maand-certs-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

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

export function put(dir: string, name: string, text: string): void {
  writeFileSync(join(dir, name), text);
}

export function declaration(change: Partial<CertDeclaration> = {}): CertDeclaration {
  return {
    name: "tls",
    subject: { common_name: "api" },
    one: false,
    pkcs8: false,
    key: "ecdsa-p256",
    dns: [],
    ...change,
  };
}

export function content(change: Partial<LeafContent> = {}): LeafContent {
  const workers = change.workers ?? ["10.0.0.1"];
  return {
    job: "api",
    cert: "tls",
    workers,
    subject: { common_name: "api" },
    names: alternativeNames(workers, []),
    key: "ecdsa-p256",
    pkcs8: false,
    ttlDays: 60,
    ...change,
  };
}

/** The MaandError that the promise fails with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<MaandError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof MaandError) return thrown;
    throw thrown;
  }
  throw new Error("it did not fail");
}
