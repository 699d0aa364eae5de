// What an OpenSSH config says about a host: `ssh -G` is asked, so that every rule of that format holds.

import { type ExecFileOptionsWithStringEncoding, execFile } from "node:child_process";
import { closeSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { openRegular } from "../../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { Endpoint, SshSettings } from "./settings.ts";
import { interruptedOn } from "./step.ts";

/** A host as it is asked for; what is present here beats the config. */
export interface HostSpec {
  host: string;
  user?: string;
  port?: number;
}

/** Stands for `secrets/<ssh_key>`, so that a default can be told from an IdentityFile of the config. */
const keyOfMaand = "/maand.conf/ssh_key";

/**
 * Asks `ssh -G` about one host. `User`, `Port` and `IdentityFile` that the config leaves open come from maand.conf.
 * Throws "local" when ssh is missing, fails or takes longer than connect_timeout; "usage" for ProxyCommand.
 */
export async function resolveFromConfig(
  configPath: string,
  settings: SshSettings,
  spec: HostSpec,
  worker: string,
  signal?: AbortSignal,
): Promise<{ endpoint: Endpoint; jumps: HostSpec[] }> {
  const options = parseOptions(await askSsh(configPath, settings, spec, worker, signal));
  const first = (key: string) => options.get(key)?.[0];
  const command = first("proxycommand");
  if (command !== undefined && command !== "none") {
    throw new MaandError("usage", "the way to the worker uses ProxyCommand", {
      where: { file: configPath, worker },
      why: "maand reaches workers through ProxyJump only",
      hint: "replace ProxyCommand by ProxyJump for this host",
    });
  }
  const host = first("hostname") ?? spec.host;
  const user = first("user") ?? settings.user;
  const port = Number(first("port") ?? settings.port);
  const expand = (path: string) => expandPath(path, { host, user, port, original: spec.host });
  const identities = (options.get("identityfile") ?? []).filter((p) => p !== "none" && p !== keyOfMaand);
  const files = (options.get("userknownhostsfile") ?? []).flatMap(words).filter((p) => p !== "none");
  const alias = first("hostkeyalias");
  const jump = first("proxyjump");
  const endpoint: Endpoint = {
    host,
    port,
    user,
    keyPaths: identities.length > 0 ? identities.map(expand) : [settings.keyPath],
    knownHostsPaths: files.map(expand),
    ...(alias === undefined || alias === "none" ? {} : { hostKeyAlias: alias }),
  };
  return { endpoint, jumps: jump === undefined || jump === "none" ? [] : jump.split(",").map(parseJump) };
}

/** `[user@]host[:port]`, `[user@][v6]:port` or `ssh://...`, as ProxyJump takes them. */
export function parseJump(text: string): HostSpec {
  const plain = text
    .trim()
    .replace(/^ssh:\/\//, "")
    .replace(/\/$/, "");
  const at = plain.lastIndexOf("@");
  const place = plain.slice(at + 1);
  const match = /^\[([^\]]+)\](?::(\d+))?$/.exec(place) ?? /^([^:]+)(?::(\d+))?$/.exec(place);
  const spec: HostSpec = { host: match?.[1] ?? place };
  if (at > 0) spec.user = plain.slice(0, at);
  if (match?.[2] !== undefined) spec.port = Number(match[2]);
  return spec;
}

/** The output of `ssh -G`: lower-case key, then the rest of the line; a key may come several times. */
function parseOptions(text: string): Map<string, string[]> {
  const options = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const space = line.indexOf(" ");
    if (space < 0) continue;
    const key = line.slice(0, space).toLowerCase();
    options.set(key, [...(options.get(key) ?? []), line.slice(space + 1).trim()]);
  }
  return options;
}

async function askSsh(
  configPath: string,
  settings: SshSettings,
  spec: HostSpec,
  worker: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  checkConfigFile(configPath, worker);
  const dir = await mkdtemp(join(tmpdir(), "maand-ssh-"));
  try {
    const file = join(dir, "config");
    // The first value that is found counts, so what stands after the Include is a default.
    const defaults = `Host *\nUser "${settings.user}"\nPort ${settings.port}\nIdentityFile ${keyOfMaand}\n`;
    await writeFile(file, `Include "${configPath}"\n${defaults}`, { mode: 0o600 });
    const overrides = [
      ...(spec.user === undefined ? [] : ["-l", spec.user]),
      ...(spec.port === undefined ? [] : ["-p", String(spec.port)]),
    ];
    const args = ["-G", "-F", file, ...overrides, "--", spec.host];
    return await run("ssh", args, settings.connectTimeoutSeconds, configPath, worker, signal);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function checkConfigFile(configPath: string, worker: string): void {
  const where = { file: configPath, worker };
  // `Include` takes a glob pattern and would skip a missing file without a word.
  if (/[*?[\]{}"\\\n]/.test(configPath)) {
    throw new MaandError("usage", "the path of ssh_config cannot be used", {
      where,
      why: "it holds a character that an OpenSSH config reads as a pattern or quote",
      hint: "rename the file or its directory",
    });
  }
  try {
    closeSync(openRegular(configPath));
  } catch (cause) {
    throw new MaandError("local", "the file named by ssh_config cannot be read", {
      where,
      why: reasonOf(cause),
      hint: 'correct ssh_config in maand.conf, or set it to ""',
      cause,
    });
  }
}

function run(
  program: string,
  args: string[],
  seconds: number,
  file: string,
  worker: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const options: ExecFileOptionsWithStringEncoding & { detached: true } = {
    encoding: "utf8",
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 20,
    ...(signal === undefined ? {} : { signal }),
    // In a group of its own: Ctrl-C in the operator's terminal is for maand alone.
    detached: true,
  };
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (signal?.aborted === true) return reject(interruptedOn(worker));
      const missing = error.code === "ENOENT";
      const why = missing
        ? "the program ssh is not installed"
        : error.killed === true
          ? `ssh -G took longer than ${seconds} s (connect_timeout)`
          : stderr.trim() || error.message;
      reject(
        new MaandError("local", "ssh could not evaluate the file named by ssh_config", {
          where: { file, worker },
          why,
          hint: missing
            ? "install the OpenSSH client, or leave ssh_config empty"
            : "correct the file; `ssh -G -F FILE HOST` shows the same fault",
          cause: error,
        }),
      );
    });
  });
}

/** The tokens of ssh_config(5) that make sense for files here; `ssh -G` of some versions leaves them in place. */
function expandPath(
  path: string,
  names: { host: string; user: string; port: number; original: string },
): string {
  const values: Record<string, string> = {
    "%": "%",
    d: homedir(),
    h: names.host,
    n: names.original,
    p: String(names.port),
    r: names.user,
  };
  return path.replace(/^~(?=\/|$)/, homedir()).replace(/%(.)/g, (token, c: string) => values[c] ?? token);
}

/** Splits at blanks; double quotes keep blanks together. */
function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]!);
}
