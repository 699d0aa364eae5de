// Asks real Go and our own code the same question about a template.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MaandError } from "../../src/model/error.ts";
import { executeTemplate, parseTemplate } from "../../src/templates/go/template.ts";
import { encodeText } from "../../src/templates/go/text.ts";
import { judgedFunctions, taggedValue } from "../../tests/templates/tagged.ts";

export interface Case {
  template: string;
  data?: unknown;
}

/** What a template gives: its output, in base64 where that is not UTF-8, or the stage that refused it and why. */
export interface Verdict {
  output?: string;
  base64?: string;
  stage?: string;
  error?: string;
  /** Of an error, from 1. */
  line?: number;
}

/** Milliseconds that a batch of cases may take. */
const answerWithin = 60_000;

/** A running Go judge: `ask` answers in the order of the cases. */
export interface Judge {
  ask(cases: readonly Case[]): Promise<Verdict[]>;
  close(): void;
}

/** Builds and starts the judge. Needs Go: $GO, else /usr/local/go/bin/go. */
export function startJudge(): Judge {
  const directory = mkdtempSync(join(tmpdir(), "maand-judge-"));
  const binary = join(directory, "judge");
  const sources = ["main.go", "functions.go"].map((name) => join(import.meta.dir, name));
  const built = spawnSync(process.env.GO ?? "/usr/local/go/bin/go", ["build", "-o", binary, ...sources], {
    stdio: "inherit",
    env: { ...process.env, GOFLAGS: "-mod=mod", GO111MODULE: "off" },
  });
  if (built.status !== 0) throw new Error("the judge did not build; is Go there?");
  const child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
  rmSync(directory, { recursive: true });
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) =>
    waiting.shift()?.(line),
  );
  const one = (asked: Case) =>
    new Promise<Verdict>((resolve, reject) => {
      // A loop without output has no end in Go.
      const deadline = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`Go does not answer: ${JSON.stringify(asked)}`));
      }, answerWithin);
      waiting.push((line) => {
        clearTimeout(deadline);
        resolve(withLine(JSON.parse(line) as Verdict));
      });
      child.stdin.write(`${JSON.stringify({ template: asked.template, data: asked.data ?? null })}\n`);
    });
  return { ask: (cases) => Promise.all(cases.map(one)), close: () => child.stdin.end() };
}

function withLine(verdict: Verdict): Verdict {
  const line = /^template: \S+?:(\d+)/.exec(verdict.error ?? "")?.[1];
  return line === undefined ? verdict : { ...verdict, line: Number(line) };
}

/** Our own verdict on a case. */
export function ownVerdict(one: Case): Verdict {
  let stage = "parse";
  try {
    const parsed = parseTemplate("t", one.template, judgedFunctions.keys());
    stage = "exec";
    const output = executeTemplate(parsed, taggedValue(one.data), judgedFunctions);
    if (output.isWellFormed()) return { output };
    return { base64: Buffer.from(encodeText(output)).toString("base64") };
  } catch (thrown) {
    if (!(thrown instanceof MaandError)) throw thrown;
    const { line } = thrown.where;
    return { stage, error: thrown.message, ...(line === undefined ? {} : { line }) };
  }
}

/** Whether two verdicts agree: the same bytes, or refused at the same stage and, when running, in the same place. */
export function agree(go: Verdict, own: Verdict): boolean {
  if (go.stage !== undefined || own.stage !== undefined) {
    return go.stage === own.stage && (go.stage === "parse" || sameLine(go.line, own.line));
  }
  return go.output === own.output && go.base64 === own.base64;
}

// Go names the end of some actions that span lines, we name the beginning.
function sameLine(go: number | undefined, own: number | undefined): boolean {
  return go === own || (go !== undefined && own !== undefined && own < go && go - own <= 2);
}

/** Where we differ on purpose. */
export function differsOnPurpose(one: Case, go: Verdict, own: Verdict): boolean {
  // The judge and we have limits of our own on what a template may cost.
  if (go.stage === "limit") return true;
  // We refuse to print the address of a function: it differs from run to run.
  const hasFunctions = JSON.stringify(one.data ?? null).includes('"$func"');
  if (hasFunctions && own.error?.includes("memory address")) return true;
  // Go's slice, unlike its index, refuses an integer straight out of a map[string]any.
  return go.error?.includes("error calling slice: cannot index slice/array with type interface {}") === true;
}
