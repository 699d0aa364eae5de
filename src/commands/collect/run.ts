// maand collect facts: a table of what workers have, or the workers.json that says so.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { formatElapsed } from "../../cli/output/duration.ts";
import { errorJson } from "../../cli/output/errors.ts";
import { formatTable } from "../../cli/output/table.ts";
import type { Channel } from "../../cli/output/terminal.ts";
import type { CollectOutcome, FactsResult } from "../../fleet/collect.ts";
import { collectFacts } from "../../fleet/collect.ts";
import { cpuCapacity } from "../../fleet/facts.ts";
import { workersPath } from "../../workspace/paths.ts";
import { formatWorkers } from "../../workspace/workers-file.ts";
import type { CollectFlags } from "./command.ts";

export async function collectFactsCommand(
  invocation: BucketInvocation,
  flags: CollectFlags,
): Promise<Outcome> {
  const outcome = await collectFacts(invocation.session, {
    workers: flags.workers,
    labels: flags.labels,
    concurrency: flags.concurrency,
    generate: flags.generateWorkers,
    write: flags.write,
  });
  const failed = !outcome.workers.every((worker) => worker.ok);
  return {
    // The document must be all there is on standard output: it is meant to become the file.
    text: flags.generateWorkers
      ? formatWorkers(outcome.rows!)
      : tableText(outcome, invocation.terminal.stdout),
    json: {
      interrupted: outcome.interrupted,
      workers: outcome.workers.map(factsJson),
      ...(outcome.rows === undefined ? {} : { workers_json: outcome.rows }),
      ...(outcome.file === undefined ? {} : { file: outcome.file }),
    },
    ending: endingOf({ interrupted: outcome.interrupted, failed }),
  };
}

const fileWords = { updated: "updated", unchanged: "nothing changed", not_written: "not written" } as const;

function tableText(outcome: CollectOutcome, channel: Channel): string {
  if (outcome.workers.length === 0) return `no workers: list them in ${workersPath}, or name them with -w\n`;
  const right = (name: string): { name: string; align: "right" } => ({ name, align: "right" });
  const columns = [
    "worker_ip",
    right("memory_mb"),
    right("cpu_mhz"),
    right("cores"),
    right("mhz"),
    right("disk_free_mb"),
    "uptime",
    "arch",
    "kernel",
    "os",
  ];
  const rows = outcome.workers.map((worker) => {
    const facts = worker.ok ? worker.value : undefined;
    return [
      worker.workerIp,
      facts?.memoryMb,
      facts === undefined ? undefined : cpuCapacity(facts),
      facts?.cores,
      facts?.mhz === undefined ? undefined : Math.round(facts.mhz),
      facts?.disk?.freeMb,
      facts?.uptimeSeconds === undefined ? undefined : formatElapsed(facts.uptimeSeconds * 1000),
      facts?.arch,
      facts?.kernel,
      facts?.os,
    ];
  });
  const table = formatTable(columns, rows, { width: channel.width(), color: channel.paint.enabled });
  return outcome.file === undefined ? table : `${table}${workersPath}: ${fileWords[outcome.file]}\n`;
}

function factsJson(worker: FactsResult): Record<string, unknown> {
  const { workerIp: worker_ip, ok } = worker;
  if (!worker.ok) return { worker_ip, ok, error: errorJson(worker.error) };
  const facts = worker.value;
  return {
    worker_ip,
    ok,
    hostname: facts.hostname ?? null,
    os: facts.os ?? null,
    kernel: facts.kernel ?? null,
    arch: facts.arch ?? null,
    cores: facts.cores ?? null,
    mhz: facts.mhz ?? null,
    cpu_mhz: cpuCapacity(facts) ?? null,
    memory_mb: facts.memoryMb ?? null,
    disk: facts.disk === undefined ? null : { total_mb: facts.disk.totalMb, free_mb: facts.disk.freeMb },
    uptime_seconds: facts.uptimeSeconds ?? null,
    tools: facts.tools,
  };
}
