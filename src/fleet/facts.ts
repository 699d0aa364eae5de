// What a worker tells about itself: one command in, one value out.

import type { ShellText } from "../ssh/exec/quote.ts";
import { raw, sh } from "../ssh/exec/quote.ts";
import { workerTools } from "../worker/commands.ts";

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

// `lscpu` and cpufreq are asked only where /proc/cpuinfo names no MHz, as on ARM.
const script = raw(`
export LC_ALL=C
say() { [ -n "$2" ] && printf 'maand-fact %s %s\\n' "$1" "$2"; }
dir=$1
shift
say hostname "$(uname -n)"
say kernel "$(uname -sr)"
say arch "$(uname -m)"
say os "$( (. /etc/os-release && printf '%s' "$PRETTY_NAME") 2>/dev/null)"
say cores "$(grep -c '^processor' /proc/cpuinfo 2>/dev/null)"
say online "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
mhz=$(sed -n 's/^cpu MHz[^:]*: *//p' /proc/cpuinfo 2>/dev/null | sort -rn | head -n 1)
say mhz "$mhz"
if [ -z "$mhz" ]; then
  say lscpu_max "$(lscpu 2>/dev/null | sed -n 's/^CPU max MHz: *//p' | head -n 1)"
  say lscpu_mhz "$(lscpu 2>/dev/null | sed -n 's/^CPU MHz: *//p' | head -n 1)"
  say khz "$(sort -rn /sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq 2>/dev/null | head -n 1)"
fi
say memory_kb "$(sed -n 's/^MemTotal: *\\([0-9]*\\) kB.*/\\1/p' /proc/meminfo 2>/dev/null)"
while [ ! -d "$dir" ] && [ "$dir" != / ] && [ -n "$dir" ]; do dir=\${dir%/*}; done
say disk_kb "$(df -Pk "\${dir:-/}" 2>/dev/null | { read -r _; read -r _ total _ free _; echo "$total $free"; })"
say uptime "$(cut -d' ' -f1 /proc/uptime 2>/dev/null)"
for tool; do
  command -v "$tool" >/dev/null 2>&1 && say "tool $tool" "$("$tool" --version 2>&1 </dev/null | head -n 1)"
done
echo "maand-fact done"
`);

/** The one command that asks for everything; it needs a POSIX shell and no more rights than the ssh user has. */
export function factsCommand(directory: string): ShellText {
  return sh`sh -c ${script.text} sh ${directory} ${[...workerTools]}`;
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
