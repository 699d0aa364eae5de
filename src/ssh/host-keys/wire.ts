// The data types of the SSH protocol (RFC 4251, section 5), read from and written to bytes.

/** Reads one value after the other; every call throws RangeError when the bytes end too early. */
export interface WireReader {
  uint32(): number;
  uint64(): bigint;
  /** A length and that many bytes. */
  string(): Buffer;
  /** How many bytes have been read. */
  at(): number;
}

export function readWire(bytes: Buffer): WireReader {
  let at = 0;
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new RangeError("the data ends too early");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const uint32 = () => take(4).readUInt32BE(0);
  return { uint32, uint64: () => take(8).readBigUInt64BE(0), string: () => take(uint32()), at: () => at };
}

/** Text or bytes with their length in front. */
export function wireString(value: string | Buffer): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** What follows the `SSH-2.0-` line of a server; undefined while that has not come. Other lines may come first. */
export function afterGreeting(received: Buffer): Buffer | undefined {
  const match = /(?:^|\n)SSH-2\.0-[^\n]*\n/.exec(received.toString("latin1"));
  return match === null ? undefined : received.subarray(match.index + match[0].length);
}

/** Longer packets than this are none of a handshake. */
const maxPacketBytes = 256 * 1024;

/** The first unencrypted packet (RFC 4253, section 6), undefined while it is incomplete. Throws RangeError for what is none. */
export function firstPacket(received: Buffer): { body: Buffer; size: number } | undefined {
  if (received.length < 5) return undefined;
  const length = received.readUInt32BE(0);
  const padding = received[4]!;
  if (length > maxPacketBytes || padding + 1 >= length) throw new RangeError("not a packet");
  if (received.length < 4 + length) return undefined;
  return { body: received.subarray(5, 4 + length - padding), size: 4 + length };
}
