// What is kept of an output: its lines as they come, and the tail of its bytes.

/** Longest line that is handed on in one piece, in bytes. */
export const maxLineBytes = 64 * 1024;

/**
 * Cuts bytes into lines. `line` gets each line without its newline (and without a carriage return before it), decoded
 * as UTF-8 with U+FFFD for what is none; lines beyond `maxLineBytes` come in pieces. `end` hands on the last line.
 */
export function createLineSplitter(line: (text: string) => void): {
  push(chunk: Uint8Array): void;
  end(): void;
} {
  const decoder = new TextDecoder();
  let rest: Buffer = Buffer.alloc(0);
  const emit = (bytes: Buffer) => {
    const end = bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length;
    line(decoder.decode(bytes.subarray(0, end)));
  };
  const drain = (text: Buffer): Buffer => {
    let bytes = text;
    while (bytes.length > maxLineBytes) {
      const cut = characterStart(bytes, maxLineBytes);
      line(decoder.decode(bytes.subarray(0, cut)));
      bytes = bytes.subarray(cut);
    }
    return bytes;
  };
  return {
    push(chunk) {
      let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (rest.length > 0) bytes = Buffer.concat([rest, bytes]);
      let from = 0;
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
        emit(drain(bytes.subarray(from, at)));
        from = at + 1;
      }
      // A copy: what was handed in may be used again by its owner.
      rest = Buffer.from(drain(bytes.subarray(from)));
    },
    end() {
      if (rest.length > 0) emit(rest);
      rest = Buffer.alloc(0);
    },
  };
}

/** The last position at or before `at` where a UTF-8 character starts; `at` itself when the bytes are no UTF-8. */
function characterStart(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) {
    if ((bytes[at - back]! & 0xc0) !== 0x80) return at - back;
  }
  return at;
}

/** Keeps the last `limit` bytes of what is pushed. */
export function createTail(limit: number): { push(chunk: Uint8Array): void; bytes(): Buffer } {
  let chunks: Buffer[] = [];
  let size = 0;
  const compact = () => {
    const all = Buffer.concat(chunks);
    const kept = all.subarray(Math.max(0, all.length - limit));
    chunks = [kept];
    size = kept.length;
    return kept;
  };
  return {
    push(chunk) {
      if (chunk.byteLength === 0 || limit <= 0) return;
      chunks.push(Buffer.from(chunk));
      size += chunk.byteLength;
      // Twice the limit before the old half goes: each byte is copied a bounded number of times.
      if (size > 2 * limit + 65536) compact();
    },
    bytes: compact,
  };
}
