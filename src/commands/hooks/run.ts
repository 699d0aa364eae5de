// maand hooks <hook> [job]: once, or again after every save.

import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import type { HooksArguments, HooksFlags } from "./command.ts";
import { hooksOutcome } from "./outcome.ts";
import { runCliHook } from "./run-hook.ts";

export async function hooksCommand(
  invocation: BucketInvocation,
  flags: HooksFlags,
  { hook, job }: HooksArguments,
): Promise<Outcome> {
  const request = { hook, job, verbose: flags.verbose };
  if (flags.watch) {
    const { watchHook } = await import("./watch.ts");
    return watchHook(invocation, request);
  }
  const run = await runCliHook(invocation.session, request);
  return hooksOutcome(run, invocation.terminal.stdout);
}
