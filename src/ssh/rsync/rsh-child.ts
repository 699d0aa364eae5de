// `maand __rsh <socket> <id> <host> <command...>`: the remote shell of our rsync; a pipe to the maand that started it.

import { writeSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createFrameReader, type RshHello } from "./rsh-protocol.ts";

/** ssh's exit code for "the connection failed". */
const connectionFailed = 255;

/**
 * `argv` begins after `__rsh`. Resolves with the exit code of the remote command, or 255 when the maand at the other
 * end of the socket has gone: then rsync, whose pipe breaks, ends too.
 */
export async function rshMain(argv: readonly string[]): Promise<number> {
  const [path, id, ...rest] = argv;
  if (path === undefined || id === undefined) return usage();
  // rsync may put `-l user` before the host.
  const words = rest[0] === "-l" ? rest.slice(2) : rest;
  const command = words.slice(1).join(" ");
  if (command === "") return usage();
  const socket = connect({ path, allowHalfOpen: true });
  const hello: RshHello = { id, command };
  socket.write(`${JSON.stringify(hello)}\n`);
  return await carry(socket);
}

/** Moves both directions, each waiting for the other, until the exit code is here and all output is out. */
function carry(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    const output = process.stdout;
    let code: number | undefined;
    const finish = (result: number) => {
      process.stdin.pause();
      socket.destroy();
      resolve(result);
    };
    const read = createFrameReader({
      part(bytes) {
        if (output.write(bytes) || socket.isPaused()) return;
        socket.pause();
        output.once("drain", () => socket.resume());
      },
      exit(status) {
        code = status;
      },
    });
    socket.on("data", (chunk: Buffer) => {
      try {
        read(chunk);
      } catch {
        return finish(connectionFailed);
      }
      const status = code;
      // An empty write calls back when everything before it is out.
      if (status !== undefined) output.write("", () => finish(status));
    });
    socket.on("error", () => finish(connectionFailed));
    socket.on("close", () => {
      if (code === undefined) finish(connectionFailed);
    });
    socket.on("end", () => {
      if (code === undefined) finish(connectionFailed);
    });
    // rsync has gone: nothing is left to be done here.
    output.on("error", () => finish(connectionFailed));
    process.stdin.on("error", () => socket.end());
    process.stdin.pipe(socket);
  });
}

function usage(): number {
  writeSync(2, "maand __rsh is rsync's way to a worker and is started by maand itself\n");
  return 2;
}
