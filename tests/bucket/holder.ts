// Holds a bucket's lock until it is killed: `bun holder.ts <lock path>`. Prints its process id once it holds it.

import { takeLock } from "../../src/bucket/lock.ts";

const lock = await takeLock({
  path: process.argv[2]!,
  holder: { pid: process.pid, command: "deploy", started: "2026-01-02T03:04:05.000Z" },
  waitSeconds: 0,
});
console.log(`held by ${process.pid}`);
// A lock that nothing refers to would be collected, and be free.
process.on("SIGUSR1", () => lock.release());
setInterval(() => {}, 60_000);
