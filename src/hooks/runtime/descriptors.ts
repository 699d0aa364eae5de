// Where standard output and standard error of this process really are while hooks run in it.

const moved = new Map<1 | 2, number>();
const followed = new Set<1 | 2>();

/** For who writes to stream 1 or 2: tells, at each write, which descriptor it is now. */
export function followDescriptor(fd: 1 | 2): () => number {
  followed.add(fd);
  return () => moved.get(fd) ?? fd;
}

/**
 * Whether our own output follows. If it does not, standard error must stay where it is: our progress is written to it
 * while hooks run, whereas results are written to standard output after the last one.
 */
export function isFollowed(fd: 1 | 2): boolean {
  return followed.has(fd);
}

/** Tells those who follow that a stream is elsewhere now; undefined: it is back. */
export function moveDescriptor(fd: 1 | 2, to: number | undefined): void {
  if (to === undefined) moved.delete(fd);
  else moved.set(fd, to);
}
