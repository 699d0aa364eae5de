// What init says at its end: what was made and kept, what comes next, and what sudo must allow on workers.

import type { InitReport } from "../../init/create.ts";

/**
 * The lines for sudoers that let `user` do what maand does on a worker with `use_sudo = true`: `sh` runs the checks and
 * deletions, `env` the Makefile targets (see src/worker/commands.ts), `mkdir` and `rsync` receive files (src/ssh/rsync),
 * `rm` cleans up, `bash` runs probes of files and what a hook asks for with sudo. Both paths of each: sudo finds them by
 * its own `secure_path`.
 */
export function sudoersLines(user: string): string[] {
  const programs = ["bash", "env", "mkdir", "rm", "rsync", "sh"].flatMap((name) => [
    `/usr/bin/${name}`,
    `/bin/${name}`,
  ]);
  return [`Defaults:${user} !requiretty`, `${user} ALL=(root) NOPASSWD: ${programs.join(", ")}`];
}

/** What the operator does next, in order. */
function nextSteps(report: InitReport): string[] {
  const { conf, hasSshKey, hasWorkers } = report;
  const key = `secrets/${conf?.sshKey ?? "worker.key"}`;
  return [
    ...(hasSshKey ? [] : [`put the workers' SSH key into ${key}: maand init --ssh-key ~/.ssh/id_ed25519`]),
    ...(hasWorkers ? [] : ["list the workers in workspace/workers.json: maand init --worker 10.0.0.1"]),
    "make a job and fill it in: maand job create web",
    "maand build && maand deploy",
    "how it all goes together: maand help quickstart",
  ];
}

/** The report for people, ending in a newline. */
export function initText(report: InitReport, root: string): string {
  const { bucketId, conf, notes, steps } = report;
  // Directories show in the paths of what lies in them.
  const files = steps.filter((step) => !step.path.endsWith("/"));
  const changed = files.filter((step) => step.done !== "kept");
  const kept = files.filter((step) => step.done === "kept").map((step) => step.path);
  const lines = [`bucket ${bucketId} in ${root}${changed.length === 0 ? ": nothing was missing" : ""}`];
  for (const { path, done, detail } of changed)
    lines.push(`  ${done.padEnd(7)} ${path}${detail === undefined ? "" : ` (${detail})`}`);
  if (kept.length > 0 && changed.length > 0) lines.push(`  kept    ${kept.join(" ")}`);
  for (const note of notes) lines.push(`  note    ${note}`);
  lines.push("", "next:", ...nextSteps(report).map((step, i) => `  ${i + 1}. ${step}`));
  if (conf?.useSudo === true) {
    const file = "/etc/sudoers.d/maand";
    lines.push("", `on every worker, ${conf.sshUser} needs these lines in ${file} (they amount to root):`);
    lines.push(...sudoersLines(conf.sshUser).map((line) => `  ${line}`));
  }
  return `${lines.join("\n")}\n`;
}

/** The report as members of the JSON document. */
export function initJson(report: InitReport, root: string): Record<string, unknown> {
  const { bucketId, conf, notes, steps } = report;
  const paths = (done: string) => steps.filter((step) => step.done === done).map((step) => step.path);
  return {
    bucket: root,
    bucket_id: bucketId,
    made: paths("made"),
    updated: paths("updated"),
    kept: paths("kept"),
    notes,
    next: nextSteps(report),
    sudoers: conf?.useSudo === true ? sudoersLines(conf.sshUser) : [],
  };
}
