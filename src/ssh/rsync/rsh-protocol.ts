// What `maand __rsh` (rsync's remote shell) and the maand that started rsync say to each other on their socket.

/** First thing from the child, as one JSON line; its standard input follows as it is. */
export interface RshHello {
  /** The secret that the parent gave it: proves that it is the child that was meant. */
  id: string;
  /** The remote command as rsync wants it run, a line for the remote shell. */
  command: string;
}

/** Frames of the parent: one byte of type, four bytes of length (big endian), that many bytes. */
export const frameType = { stdout: 1, exit: 2 } as const;

const frameHeadBytes = 5;

/** The head of a frame. An exit frame carries four bytes: the exit code. */
export function frameHead(type: number, length: number): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head[0] = type;
  head.writeUInt32BE(length, 1);
  return head;
}

/**
 * Cuts a byte stream into frames. `part` gets the bytes of stdout frames as they come, `exit` the exit code.
 * Throws RangeError for a frame that is neither.
 */
export function createFrameReader(on: {
  part(bytes: Buffer): void;
  exit(code: number): void;
}): (chunk: Buffer) => void {
  let head: Buffer = Buffer.alloc(0);
  let type = 0;
  let left = 0;
  let code: Buffer = Buffer.alloc(0);
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (left === 0) {
        const need = frameHeadBytes - head.length;
        head = Buffer.concat([head, rest.subarray(0, need)]);
        rest = rest.subarray(need);
        if (head.length < frameHeadBytes) return;
        type = head[0]!;
        left = head.readUInt32BE(1);
        head = Buffer.alloc(0);
        if (type !== frameType.stdout && type !== frameType.exit)
          throw new RangeError(`no such frame: ${type}`);
        continue;
      }
      const part = rest.subarray(0, left);
      rest = rest.subarray(part.length);
      left -= part.length;
      if (type === frameType.stdout) on.part(part);
      else {
        code = Buffer.concat([code, part]);
        if (left === 0) on.exit(code.readInt32BE(0));
      }
    }
  };
}
