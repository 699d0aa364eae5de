// maand render: prints what templates become. One file is printed bare, so that it can be piped; several get headings.

import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import type { RenderArguments, RenderFlags } from "./command.ts";
import { renderJob } from "./render-job.ts";

export async function renderCommand(
  { session }: BucketInvocation,
  flags: RenderFlags,
  { job, path }: RenderArguments,
): Promise<Outcome> {
  const files = await renderJob(session, {
    job,
    reveal: flags.reveal,
    ...(path === undefined ? {} : { path }),
    ...(flags.worker === undefined ? {} : { worker: flags.worker }),
  });
  const shown = files.map((file) => ({ ...file, text: Buffer.from(file.bytes).toString("utf8") }));
  const text =
    path !== undefined
      ? shown.map((file) => file.text).join("")
      : shown.map((file) => `==> ${job}/${file.path} on ${file.workerIp}\n${file.text}\n`).join("");
  return {
    text: files.length === 0 ? `job "${job}" has no templates\n` : text,
    json: { files: shown.map((file) => ({ path: file.path, worker_ip: file.workerIp, text: file.text })) },
  };
}
