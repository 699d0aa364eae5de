// The bridge between rsync's remote shell (`maand __rsh`) and a channel of our connection to the worker.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { Result } from "../../model/result.ts";
import type { Connection } from "../connect/connection.ts";
import type { ShellText } from "../exec/quote.ts";
import type { RemoteProcess } from "../exec/remote-process.ts";
import { frameHead, frameType, type RshHello } from "./rsh-protocol.ts";

/** One open end for one rsync. */
export interface RsyncBridge {
  /** Arguments for `maand __rsh`: socket path and secret. */
  args: [socket: string, id: string];
  /** How our side of it went so far: the error is that of a lost connection or a refused channel. */
  carried(): Result<void>;
  /** Cuts everything: the remote command, the child's socket; removes the socket from the disk. */
  close(): Promise<void>;
}

/** A greeting that is longer is none of ours: a Linux command line ends at 2 MiB. */
const maxHelloBytes = 2 * 1024 * 1024;

/**
 * Listens on a unix socket in a directory of mode 0700 for the one child that knows the secret, and runs the command
 * that it asks for. `onStderr` gets the remote error output (rsync kills its child before that has passed it on).
 * Throws "local" when no socket can be made.
 */
export async function openBridge(
  connection: Connection,
  toShell: (command: string) => ShellText,
  onStderr: (chunk: Buffer) => void,
): Promise<RsyncBridge> {
  const id = randomBytes(16).toString("hex");
  const dir = await mkdtemp(join(tmpdir(), "maand-rsh-")).catch((cause: unknown) => {
    throw noSocket(cause);
  });
  const path = join(dir, "s");
  const remove = () => rm(dir, { recursive: true, force: true });
  let carried: Result<void> = { ok: true, value: undefined };
  let child: Socket | undefined;
  let remote: RemoteProcess | undefined;
  let closed = false;

  // Half open: rsync closes its input long before the remote command has ended.
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    receiveHello(socket, id).then(
      async ({ command, rest }) => {
        if (child !== undefined || closed) return socket.destroy();
        child = socket;
        // Nobody else is expected; with the file gone, not even a kill of ours leaves anything behind.
        server.close();
        void remove();
        try {
          remote = await connection.start(toShell(command));
          if (closed) remote.stop();
          remote.stderr.on("data", onStderr);
          await carry(socket, remote, rest);
        } catch (error) {
          if (carried.ok && error instanceof MaandError) carried = { ok: false, error };
          socket.destroy();
        }
      },
      () => socket.destroy(),
    );
  });
  server.listen(path);
  try {
    await once(server, "listening");
  } catch (cause) {
    await remove();
    throw noSocket(cause);
  }
  return {
    args: [path, id],
    carried: () => carried,
    async close() {
      closed = true;
      server.close();
      remote?.stop();
      child?.destroy();
      await remove();
    },
  };
}

/** Reads the first line; rejects when it is no greeting with our secret. */
function receiveHello(socket: Socket, id: string): Promise<{ command: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(10);
      if (end < 0) {
        if (received.length > maxHelloBytes) reject(new RangeError("the greeting is too long"));
        return;
      }
      socket.removeListener("data", read);
      socket.pause();
      try {
        const hello = JSON.parse(received.toString("utf8", 0, end)) as RshHello;
        if (hello.id !== id) throw new RangeError("the greeting has another secret");
        resolve({ command: hello.command, rest: received.subarray(end + 1) });
      } catch (error) {
        reject(error);
      }
    };
    socket.on("data", read);
    socket.once("close", () => reject(new RangeError("the child has gone")));
  });
}

/** Moves bytes both ways, each side waiting for the other, until the remote command has ended. */
async function carry(socket: Socket, remote: RemoteProcess, first: Buffer): Promise<void> {
  let abandoned = false;
  const childGone = () => {
    abandoned = true;
    remote.stop();
  };
  socket.once("close", childGone);
  if (socket.destroyed) childGone();
  if (first.length > 0) remote.stdin.write(first);
  socket.pipe(remote.stdin);
  remote.stdout.on("data", (chunk: Buffer) => {
    if (socket.destroyed) return;
    socket.write(frameHead(frameType.stdout, chunk.length));
    if (socket.write(chunk) || remote.stdout.isPaused()) return;
    remote.stdout.pause();
    socket.once("drain", () => remote.stdout.resume());
  });
  let exitCode: number;
  try {
    ({ exitCode } = await remote.done);
  } catch (error) {
    // rsync went first: its own exit code tells why, and a remote command without an end is only the consequence.
    if (abandoned) return;
    throw error;
  }
  socket.removeListener("close", childGone);
  const code = Buffer.alloc(4);
  code.writeInt32BE(exitCode);
  socket.end(Buffer.concat([frameHead(frameType.exit, code.length), code]));
}

function noSocket(cause: unknown): MaandError {
  return new MaandError("local", "no socket for rsync could be made", {
    where: { file: tmpdir() },
    why: reasonOf(cause),
    hint: "see that the temporary directory is writable and its path short (TMPDIR)",
    cause,
  });
}
