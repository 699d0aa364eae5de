// Bytes by their SHA-256, as many as fit: a fleet's worth of rendered files would not.

export interface ByteCache {
  get(sha256: string): Uint8Array | undefined;
  /** Remembers the bytes and forgets what was not asked for the longest where there is no room. */
  put(sha256: string, bytes: Uint8Array): void;
}

/** @param room bytes of content held at most */
export function createByteCache(room: number): ByteCache {
  // A map keeps its order: what was touched last stands last.
  const held = new Map<string, Uint8Array>();
  let size = 0;
  const forget = (sha256: string): void => {
    size -= held.get(sha256)?.length ?? 0;
    held.delete(sha256);
  };
  return {
    get(sha256) {
      const bytes = held.get(sha256);
      if (bytes === undefined) return undefined;
      held.delete(sha256);
      held.set(sha256, bytes);
      return bytes;
    },
    put(sha256, bytes) {
      forget(sha256);
      // What has no room at all must not drive out the rest.
      if (bytes.length > room) return;
      held.set(sha256, bytes);
      size += bytes.length;
      for (const oldest of held.keys()) {
        if (size <= room) break;
        forget(oldest);
      }
    },
  };
}
