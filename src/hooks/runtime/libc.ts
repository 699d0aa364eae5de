// The few calls of the C library that move file descriptors: the runtime has none for that.

import { dlopen } from "bun:ffi";

export interface Libc {
  dup(fd: number): number;
  dup2(from: number, to: number): number;
  /** Read end, write end. */
  pipe(): [number, number] | undefined;
  /** Whether a read would not wait. */
  readable(fd: number): boolean;
}

/** Where the library is called what: glibc, musl, macOS. */
const names = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libSystem.B.dylib"];
/** POLLIN of poll(2), the same on Linux and macOS. */
const pollIn = 1;

/** None of these calls is variadic, so that they are called alike on every platform. Undefined where there is no such library. */
export function openLibc(): Libc | undefined {
  for (const name of names) {
    try {
      const { symbols } = dlopen(name, {
        dup: { args: ["i32"], returns: "i32" },
        dup2: { args: ["i32", "i32"], returns: "i32" },
        pipe: { args: ["ptr"], returns: "i32" },
        poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
      });
      return {
        dup: symbols.dup,
        dup2: symbols.dup2,
        pipe() {
          const ends = new Int32Array(2);
          return symbols.pipe(ends) === 0 ? [ends[0]!, ends[1]!] : undefined;
        },
        readable(fd) {
          // struct pollfd: int fd, short events, short revents.
          const entry = new Int16Array(4);
          new Int32Array(entry.buffer)[0] = fd;
          entry[2] = pollIn;
          return symbols.poll(entry, 1, 0) > 0 && (entry[3]! & pollIn) !== 0;
        },
      };
    } catch {
      // Another system's name for it.
    }
  }
  return undefined;
}
