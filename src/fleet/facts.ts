// What a worker tells about itself: one command in, one value out.

import type { ShellText } from "../ssh/exec/quote.ts";
import { runScript, script } from "../ssh/exec/quote.ts";
import { workerTools } from "../worker/check.ts";
import factsFile from "./facts.sh" with { type: "text" };

/** What was found; a field is absent when the worker did not tell. */
export interface Facts {
  hostname?: string;
  /** Such as `Linux 6.1.0-18-amd64`. */
  kernel?: string;
  /** Such as `x86_64`. */
  arch?: string;
  /** Such as `Debian GNU/Linux 12 (bookworm)`. */
  os?: string;
  cores?: number;
  /** Of the fastest core. */
  mhz?: number;
  /** `MemTotal` of /proc/meminfo in MB, rounded down. */
  memoryMb?: number;
  /** The file system that holds, or will hold, the bucket's directory. */
  disk?: { totalMb: number; freeMb: number };
  uptimeSeconds?: number;
  /** First line of `--version`, by tool; a tool that is missing is absent. */
  tools: Record<string, string>;
}

/** Begins every line of the answer, so that a chatty login shell cannot be taken for it. */
const marker = "maand-fact";

/** The one command that asks for everything; it needs a POSIX shell and no more rights than the ssh user has. */
export function factsCommand(directory: string): ShellText {
  return runScript("sh", script(factsFile), directory, workerTools);
}

/** Reads what `factsCommand` printed; undefined when the answer is not whole. */
export function parseFacts(stdout: string): Facts | undefined {
  const found = new Map<string, string>();
  const tools: Record<string, string> = {};
  let done = false;
  for (const line of stdout.split("\n")) {
    if (!line.startsWith(`${marker} `)) continue;
    const match = /^(\S+)(?: (.*))?$/.exec(line.slice(marker.length + 1));
    const [, key = "", text = ""] = match ?? [];
    const value = text.trim();
    if (key === "done") done = true;
    else if (key === "tool") {
      const space = value.indexOf(" ");
      if (space > 0) tools[value.slice(0, space)] = value.slice(space + 1).trim();
    } else if (value !== "") found.set(key, value);
  }
  if (!done) return undefined;
  // /proc/cpuinfo lists no `processor` lines on some architectures.
  const cores = positive(found.get("cores")) ?? positive(found.get("online"));
  const mhz = readMhz(found);
  const memoryKb = positive(found.get("memory_kb"));
  const disk = readDisk(found.get("disk_kb"));
  const uptime = positive(found.get("uptime"));
  return {
    ...text("hostname", found),
    ...text("kernel", found),
    ...text("arch", found),
    ...text("os", found),
    ...(cores === undefined ? {} : { cores }),
    ...(mhz === undefined ? {} : { mhz }),
    ...(memoryKb === undefined ? {} : { memoryMb: Math.floor(memoryKb / 1024) }),
    ...(disk === undefined ? {} : { disk }),
    ...(uptime === undefined ? {} : { uptimeSeconds: Math.floor(uptime) }),
    tools,
  };
}

/** Capacity in MHz as workers.json has it: cores × MHz, rounded; undefined where either is not known. */
export function cpuCapacity(facts: Facts): number | undefined {
  return facts.cores === undefined || facts.mhz === undefined
    ? undefined
    : Math.round(facts.cores * facts.mhz);
}

function text<K extends "hostname" | "kernel" | "arch" | "os">(
  key: K,
  found: Map<string, string>,
): { [P in K]?: string } {
  const value = found.get(key);
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: string });
}

function readMhz(found: Map<string, string>): number | undefined {
  const direct =
    positive(found.get("mhz")) ?? positive(found.get("lscpu_max")) ?? positive(found.get("lscpu_mhz"));
  if (direct !== undefined) return direct;
  const khz = positive(found.get("khz"));
  return khz === undefined ? undefined : khz / 1000;
}

function readDisk(value: string | undefined): Facts["disk"] {
  const [total, free] = (value ?? "").split(" ").map((part) => Number(part));
  if (total === undefined || free === undefined || !(total > 0) || !(free >= 0)) return undefined;
  return { totalMb: Math.floor(total / 1024), freeMb: Math.floor(free / 1024) };
}

function positive(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+(?:\.\d+)?$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) && number > 0 ? number : undefined;
}
