// maand.conf: its keys, defaults and limits in one table, its parser, and the text that init writes.

import type { TomlValue } from "smol-toml";
import { type Checked, checked, type Diagnostic, errorAt } from "../model/diagnostic.ts";
import { printable } from "../model/printable.ts";
import { suggestName } from "../support/nearest.ts";
import { parseToml, type TomlDocument } from "./toml.ts";

/** Every setting of maand.conf, defaults filled in. */
export interface MaandConf {
  sshUser: string;
  /** File name below `secrets/`. */
  sshKey: string;
  sshPort: number;
  useSudo: boolean;
  certsTtlDays: number;
  /** 0 renews a certificate only once it has expired. */
  certsRenewalBufferDays: number;
  /** `""` reads bucket.jobs.conf, `"prod"` reads bucket.jobs.prod.conf. */
  jobConfigSelector: string;
  logFormat: "kv" | "json" | "jsonl";
  hostKeyChecking: "strict" | "accept-new" | "off";
  /** Path of an OpenSSH config, `""` for none. */
  sshConfig: string;
  connectTimeoutSeconds: number;
  commandTimeoutSeconds: number;
  maxParallelWorkers: number;
  /** Absolute path on workers, without a slash at its end. */
  workerRoot: string;
}

interface Setting {
  field: keyof MaandConf;
  /** Value when the key is absent. */
  absent: string | number | boolean;
  /** Value that init writes, where it differs. */
  written?: number;
  /** Whether a value of the right type is allowed. */
  allows: (value: string | number | boolean) => boolean;
  /** What to write instead, for messages. */
  use: string;
  comment: string;
}

/** Longest timeout and lifetime that fit the timers of the runtime and the dates of certificates. */
export const maxSeconds = 604_800;
const maxDays = 3650;

/** Keys in the order in which init writes them. */
const settings: Record<string, Setting> = {
  ssh_user: text(
    "sshUser",
    "agent",
    /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/,
    "use a user name: letters, digits, _ . -",
    "remote user",
  ),
  ssh_key: text(
    "sshKey",
    "worker.key",
    /^(?!\.{1,2}$)[A-Za-z0-9._@+-]{1,128}$/,
    "use a file name without /, and put the file into secrets/",
    "private key, a file name below secrets/",
  ),
  ssh_port: whole("sshPort", 22, 1, 65535, "port of sshd on workers"),
  use_sudo: {
    field: "useSudo",
    absent: true,
    allows: (value) => typeof value === "boolean",
    use: "use true or false",
    comment: "run lifecycle, rsync and cleanup on workers through sudo -n",
  },
  certs_ttl: whole("certsTtlDays", 60, 1, maxDays, "days a new certificate is valid"),
  certs_renewal_buffer: {
    ...whole(
      "certsRenewalBufferDays",
      0,
      0,
      maxDays,
      "renew a certificate this many days before its end; 0 only once it has expired",
    ),
    written: 10,
  },
  job_config_selector: text(
    "jobConfigSelector",
    "",
    /^(?:[A-Za-z0-9][A-Za-z0-9_-]{0,62})?$/,
    'use the <env> of bucket.jobs.<env>.conf (letters, digits, _ and -), or ""',
    '"prod" reads workspace/bucket.jobs.prod.conf instead of bucket.jobs.conf',
  ),
  log_format: choice("logFormat", ["kv", "json", "jsonl"], "format of the files in logs/: kv, json or jsonl"),
  host_key_checking: choice(
    "hostKeyChecking",
    ["accept-new", "strict", "off"],
    "accept-new pins a host key at first contact, strict refuses unknown ones, off checks none",
  ),
  ssh_config: text(
    "sshConfig",
    "",
    // A shell knows where ~user is; here only ~/ is read.
    /^(?:~\/|(?!~))[^\p{Cc}]{0,4096}$/u,
    'use the path of an OpenSSH config file (~/ is your home directory), or ""',
    "OpenSSH config whose HostName Port User IdentityFile ProxyJump apply to workers",
  ),
  connect_timeout: whole("connectTimeoutSeconds", 10, 1, maxSeconds, "seconds to reach a worker"),
  command_timeout: whole(
    "commandTimeoutSeconds",
    600,
    1,
    maxSeconds,
    "seconds for one remote command or hook",
  ),
  max_parallel_workers: whole("maxParallelWorkers", 32, 1, 1024, "workers touched at once"),
  worker_root: text(
    "workerRoot",
    "/opt/worker",
    /^(?!.*\/\.{1,2}(?:\/|$))(?:\/[A-Za-z0-9._-]+)+$/,
    "use an absolute path of letters, digits, . _ - and /, without .., not / itself, no / at its end",
    "directory on workers that holds <bucket_id>/",
  ),
};

/**
 * Parses maand.conf.
 * @param path the file's path for messages, such as `maand.conf`
 */
export function parseConf(content: string, path: string): Checked<MaandConf> {
  const document = parseToml(path, content);
  const diagnostics: Diagnostic[] = [...document.diagnostics];
  const found = new Map<keyof MaandConf, string | number | boolean>();
  for (const [key, raw] of Object.entries(document.values ?? {})) {
    const setting = Object.hasOwn(settings, key) ? settings[key] : undefined;
    if (setting === undefined) {
      const hint = suggestName(key, Object.keys(settings));
      diagnostics.push(errorAt(document.place([key], "key"), `unknown key ${JSON.stringify(key)}`, hint));
      continue;
    }
    const value = plainValue(raw);
    if (value !== undefined && setting.allows(value)) found.set(setting.field, value);
    else {
      const shown = document.source([key])?.split("\n", 1)[0]?.trim().slice(0, 80);
      const message = `"${key}" is ${shown === undefined ? "not allowed" : shown}`;
      diagnostics.push(errorAt(document.place([key]), message, setting.use));
    }
  }
  const conf = toConf((setting) => found.get(setting.field) ?? setting.absent);
  if (diagnostics.length === 0) diagnostics.push(...checkLifetimes(document, conf));
  return checked(conf, diagnostics.map(printable));
}

/** A certificate that is due from its first day on would be made again at every build, and its job restarted for it. */
function checkLifetimes(document: TomlDocument, conf: MaandConf): Diagnostic[] {
  const { certsTtlDays: ttl, certsRenewalBufferDays: buffer } = conf;
  if (ttl > buffer) return [];
  const key = document.values?.certs_renewal_buffer === undefined ? "certs_ttl" : "certs_renewal_buffer";
  const message = `certs_ttl (${ttl} days) must be more than certs_renewal_buffer (${buffer} days): a certificate would be due for renewal when it is made`;
  return [errorAt(document.place([key]), message, "use a buffer of a third of certs_ttl or less")];
}

/** What holds in a bucket whose maand.conf is empty. */
export function defaultConf(): MaandConf {
  return toConf((setting) => setting.absent);
}

/** The commented maand.conf of a new bucket; `overrides` are what the user told init. Ends with a newline. */
export function formatDefaultConf(overrides: Partial<MaandConf> = {}): string {
  const lines = ["# Settings of this bucket. A key that is left out has its default."];
  for (const [key, setting] of Object.entries(settings)) {
    const value = overrides[setting.field] ?? setting.written ?? setting.absent;
    const absent = setting.written === undefined ? "" : ` (${setting.absent} when this key is left out)`;
    lines.push("", `# ${setting.comment}${absent}`, `${key} = ${formatValue(value)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** JSON's escapes are TOML's too, except DEL, which TOML wants escaped. */
function formatValue(value: string | number | boolean): string {
  return typeof value === "string" ? JSON.stringify(value).replaceAll("\x7f", "\\u007F") : String(value);
}

function toConf(read: (setting: Setting) => string | number | boolean): MaandConf {
  const entries = Object.values(settings).map((setting) => [setting.field, read(setting)] as const);
  // The table has one entry per field, and `allows` fixed the type of each value.
  return Object.fromEntries(entries) as unknown as MaandConf;
}

function plainValue(value: TomlValue): string | number | boolean | undefined {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" || typeof value === "boolean" ? value : undefined;
}

function text(
  field: keyof MaandConf,
  absent: string,
  allowed: RegExp,
  use: string,
  comment: string,
): Setting {
  return { field, absent, allows: (v) => typeof v === "string" && allowed.test(v), use, comment };
}

function whole(
  field: keyof MaandConf,
  absent: number,
  least: number,
  most: number,
  comment: string,
): Setting {
  const allows = (value: unknown) => typeof value === "number" && value >= least && value <= most;
  return { field, absent, allows, use: `use a whole number from ${least} to ${most}`, comment };
}

function choice(field: keyof MaandConf, values: readonly string[], comment: string): Setting {
  const use = `use one of ${values.map((value) => `"${value}"`).join(", ")}`;
  return { field, absent: values[0]!, allows: (v) => values.includes(String(v)), use, comment };
}
