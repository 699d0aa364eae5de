// A real sshd on loopback for the tests of the SSH room: own keys, own port, ended by its pid.

import { afterAll, beforeAll } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, openConnection } from "../../src/ssh/connect/connection.ts";
import type { SshSettings, SshTarget } from "../../src/ssh/connect/settings.ts";
import { resolveTarget } from "../../src/ssh/connect/target.ts";
import { standIn } from "./use.ts";
import { childrenOf, descendants, freePort } from "./watch.ts";

export interface Sshd {
  dir: string;
  port: number;
  pid: number;
  /** Path of the key that the server lets in for root. */
  keyPath: string;
  /** The server's public host key: type and base64. */
  hostKey: string;
  /** SSH settings of a run against this server; pins go to a file of their own. */
  settings(overrides?: Partial<SshSettings>): SshSettings;
  target(overrides?: Partial<SshSettings>): Promise<SshTarget>;
  /** Sessions under way, as process ids. */
  children(): number[];
  /** Kills the listener and every process below it. */
  kill(): void;
  /** Puts a new host key in place of the old one and starts anew on the same port. */
  changeHostKey(type?: string): Promise<void>;
  /** Ends the server and removes its files. */
  end(): void;
}

export interface SshdOptions {
  /** More lines of sshd_config; they come first, and the first value counts. */
  config?: string[] | ((dir: string) => string[]);
  keyType?: string;
  /** Run with the directory before the server starts: may add host certificates. */
  prepare?: (dir: string) => void;
}

/** A fresh ed25519 (or other) key pair at `path` and `path.pub`. */
export function makeKey(path: string, options: { type?: string; passphrase?: string } = {}): void {
  const type = options.type ?? "ed25519";
  const bits = type === "rsa" ? ["-b", "2048"] : [];
  execFileSync("ssh-keygen", [
    "-q",
    "-t",
    type,
    ...bits,
    "-N",
    options.passphrase ?? "",
    "-C",
    "",
    "-f",
    path,
  ]);
}

/** An sshd for all tests of the file. */
export function useSshd(): Sshd {
  let sshd: Sshd | undefined;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd?.end());
  return standIn("sshd", () => sshd);
}

/** An sshd and one connection to it for all tests of the file. */
export function useConnection(): { sshd: Sshd; connection: Connection } {
  let sshd: Sshd | undefined;
  let connection: Connection | undefined;
  beforeAll(async () => {
    sshd = await startSshd();
    connection = await openConnection(await sshd.target(), sshd.settings());
  });
  afterAll(async () => {
    await connection?.close();
    sshd?.end();
  });
  return { sshd: standIn("sshd", () => sshd), connection: standIn("connection", () => connection) };
}

/** Brings one up and waits until it takes connections. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), "maand-sshd-"));
  const keyPath = join(dir, "worker.key");
  makeKey(keyPath);
  makeKey(join(dir, "host"), { type: options.keyType ?? "ed25519" });
  writeFileSync(join(dir, "authorized_keys"), readFileSync(`${keyPath}.pub`), { mode: 0o600 });
  options.prepare?.(dir);
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = [
    ...(typeof options.config === "function" ? options.config(dir) : (options.config ?? [])),
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(dir, "host")}`,
    `PidFile ${join(dir, "pid")}`,
    `AuthorizedKeysFile ${join(dir, "authorized_keys")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "UseDNS no",
    // The start-up files of root on this host must not slow every command.
    `SetEnv HOME=${dir}`,
    "PrintMotd no",
    "MaxStartups 200:30:400",
  ];
  writeFileSync(join(dir, "config"), `${config.join("\n")}\n`);
  const log = join(dir, "log");
  writeFileSync(log, "");
  const launch = async (): Promise<number> => {
    const child = spawn("/usr/sbin/sshd", ["-D", "-f", join(dir, "config"), "-E", log], { stdio: "ignore" });
    child.unref();
    for (let i = 0; i < 200; i++) {
      if (await accepts(port)) return child.pid!;
      await Bun.sleep(25);
    }
    throw new Error(`sshd did not come up: ${readFileSync(log, "utf8")}`);
  };
  const sshd: Sshd = {
    dir,
    port,
    pid: await launch(),
    keyPath,
    hostKey: publicKey(join(dir, "host.pub")),
    settings: (overrides = {}) => ({
      user: "root",
      keyPath,
      port,
      knownHostsPath: join(dir, "known_hosts"),
      hostKeyChecking: "accept-new",
      connectTimeoutSeconds: 10,
      commandTimeoutSeconds: 60,
      useSudo: false,
      maxParallel: 32,
      ...overrides,
    }),
    target: (overrides = {}) => resolveTarget("127.0.0.1", sshd.settings(overrides)),
    children: () => childrenOf(sshd.pid),
    kill() {
      const below = descendants(sshd.pid);
      for (const pid of [sshd.pid, ...below]) endProcess(pid);
    },
    async changeHostKey(type = "ed25519") {
      sshd.kill();
      for (const file of ["host", "host.pub"]) rmSync(join(dir, file));
      makeKey(join(dir, "host"), { type });
      while (await accepts(port)) await Bun.sleep(10);
      sshd.hostKey = publicKey(join(dir, "host.pub"));
      sshd.pid = await launch();
    },
    end() {
      sshd.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return sshd;
}

/** Type and base64 of a `.pub` file, without its comment. */
export function publicKey(path: string): string {
  return readFileSync(path, "utf8").trim().split(" ").slice(0, 2).join(" ");
}

/** Adds a line to a known_hosts file. */
export function addLine(path: string, line: string): void {
  appendFileSync(path, `${line}\n`);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
