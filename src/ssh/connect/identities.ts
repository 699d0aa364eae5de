// Private keys for signing in: read from files, or used through ssh-agent when a passphrase guards them.

import type { AnyAuthMethod, ParsedKey } from "ssh2";
import ssh2 from "ssh2";
import { readRegular } from "../../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../../model/error.ts";
import { readWire } from "../host-keys/wire.ts";
import type { Deadline } from "./deadline.ts";
import { interruptedOn } from "./step.ts";

/**
 * The ways to sign in with these key files, in their order; files that do not exist are left out.
 * Throws "unreachable" when there is none at all, or when a key needs a passphrase and no agent holds it or answers
 * before the deadline; "interrupted" when that is the caller's wish. `seconds` is connect_timeout, for messages.
 */
export async function loadIdentities(
  paths: readonly string[],
  user: string,
  worker: string,
  deadline: Deadline,
  seconds: number,
): Promise<AnyAuthMethod[]> {
  const methods: AnyAuthMethod[] = [];
  for (const path of paths) {
    const data = await readKey(path, worker);
    if (data === undefined) continue;
    const state = inspectKey(data);
    if (state.kind === "plain")
      methods.push({ type: "publickey", username: user, key: parse(data, path, worker) });
    else methods.push(await throughAgent(state, path, user, worker, deadline, seconds));
  }
  if (methods.length > 0) return methods;
  throw new MaandError("unreachable", "there is no private key to sign in with", {
    where: { file: paths[0] ?? "", worker },
    why: paths.length > 1 ? `none of ${paths.join(", ")} exists` : "the file does not exist",
    hint: "put the private key of the ssh user there (mode 0600), or correct ssh_key in maand.conf",
  });
}

async function readKey(path: string, worker: string): Promise<Buffer | undefined> {
  try {
    return readRegular(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new MaandError("unreachable", "the private key cannot be read", {
      where: { file: path, worker },
      why: reasonOf(cause),
      hint: "make the file readable for the user who runs maand",
      cause,
    });
  }
}

type KeyState =
  | { kind: "plain" }
  /** Encrypted; `publicKey` (wire format) is known for OpenSSH's own format only. */
  | { kind: "encrypted"; publicKey?: Buffer }
  /** A `.pub` file: the private half is in an agent. */
  | { kind: "public"; publicKey: Buffer };

/** Tells from the file format (PROTOCOL.key of OpenSSH, RFC 7468, RFC 1421) whether a passphrase is needed. */
function inspectKey(data: Buffer): KeyState {
  const text = data.toString("latin1");
  const openssh = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text);
  if (openssh !== null) return inspectOpenSsh(Buffer.from(openssh[1]!, "base64"));
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text))
    return { kind: "encrypted" };
  const publicKey = /^(?:ssh-|ecdsa-|sk-)\S+ ([A-Za-z0-9+/]+=*)(?:\s|$)/.exec(text);
  if (publicKey !== null) return { kind: "public", publicKey: Buffer.from(publicKey[1]!, "base64") };
  return { kind: "plain" };
}

function inspectOpenSsh(body: Buffer): KeyState {
  const magic = "openssh-key-v1\0";
  if (body.toString("latin1", 0, magic.length) !== magic) return { kind: "plain" };
  try {
    const reader = readWire(body.subarray(magic.length));
    if (reader.string().toString("latin1") === "none") return { kind: "plain" };
    reader.string(); // kdf name
    reader.string(); // kdf options
    reader.uint32(); // number of keys, always 1
    return { kind: "encrypted", publicKey: Buffer.from(reader.string()) };
  } catch {
    // Cut off: the parser of the key says so with its own error.
    return { kind: "plain" };
  }
}

function parse(data: Buffer, path: string, worker: string): ParsedKey {
  const key = ssh2.utils.parseKey(data);
  // The library answers with a list for OpenSSH's format, although that holds one key.
  const parsed = Array.isArray(key) ? (key[0] as ParsedKey) : key;
  if (!(parsed instanceof Error) && parsed.isPrivateKey()) return parsed;
  throw new MaandError("unreachable", "the private key cannot be used", {
    where: { file: path, worker },
    why: parsed instanceof Error ? parsed.message : "the file holds no private key",
    hint: "make one with `ssh-keygen -t ed25519`, or rewrite an older format with `ssh-keygen -p -f FILE`",
  });
}

async function throughAgent(
  state: Exclude<KeyState, { kind: "plain" }>,
  path: string,
  user: string,
  worker: string,
  deadline: Deadline,
  seconds: number,
): Promise<AnyAuthMethod> {
  const socket = process.env.SSH_AUTH_SOCK;
  const what =
    state.kind === "public" ? "the file holds only a public key" : "the private key needs a passphrase";
  const hint = `run \`eval "$(ssh-agent)"\` and \`ssh-add ${path.replace(/\.pub$/, "")}\`, or use a key without a passphrase`;
  if (socket === undefined || socket === "") {
    throw new MaandError("unreachable", what, {
      where: { file: path, worker },
      why: "no ssh-agent is running (SSH_AUTH_SOCK is not set)",
      hint,
    });
  }
  const agent = ssh2.createAgent(socket);
  const asked = new Promise<ParsedKey[]>((resolve, reject) => {
    agent.getIdentities((error, found) => {
      if (error !== undefined && error !== null) return reject(error);
      resolve((found ?? []).map(asParsed).filter((k) => k !== undefined));
    });
  });
  // One that takes the question and never answers must not hold us longer than a worker may.
  const keys = await deadline.race(asked).catch((cause: unknown) => {
    if (deadline.signal?.aborted === true) throw interruptedOn(worker);
    const silent = deadline.passed() ? `it was given ${seconds} s (connect_timeout)` : reasonOf(cause);
    throw new MaandError("unreachable", what, {
      where: { file: path, worker },
      why: `the ssh-agent of SSH_AUTH_SOCK (${socket}) does not answer: ${silent}`,
      hint,
      cause,
    });
  });
  const { publicKey } = state;
  const held = publicKey === undefined ? keys : keys.filter((k) => k.getPublicSSH().equals(publicKey));
  if (held.length === 0) {
    throw new MaandError("unreachable", what, {
      where: { file: path, worker },
      why: "the ssh-agent does not hold this key",
      hint,
    });
  }
  // Only the key that was named: servers count every other one as a failed attempt.
  agent.getIdentities = (done) => done(undefined, held);
  return { type: "agent", username: user, agent };
}

/** An identity as an agent lists it; undefined for a type that ssh2 cannot use. */
function asParsed(identity: unknown): ParsedKey | undefined {
  const text = typeof identity === "string" || Buffer.isBuffer(identity);
  const key = text ? ssh2.utils.parseKey(identity) : (identity as ParsedKey | { pubKey: ParsedKey });
  if (key instanceof Error) return undefined;
  return "pubKey" in key ? key.pubKey : key;
}
