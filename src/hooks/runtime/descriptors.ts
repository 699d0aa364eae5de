// Where standard output and standard error of this process really are while hooks run in it.

const moved = new Map<1 | 2, number>();
let asked = false;

/** The descriptor to write to for stream 1 or 2. Whoever writes to them must ask each time. */
export function descriptorOf(fd: 1 | 2): number {
  asked = true;
  return moved.get(fd) ?? fd;
}

/**
 * Whether our own output asks here. If it does not, standard error must stay where it is: our progress is written to
 * it while hooks run, whereas results are written to standard output after the last one.
 */
export function outputIsRouted(): boolean {
  return asked;
}

export function moveDescriptor(fd: 1 | 2, to: number | undefined): void {
  if (to === undefined) moved.delete(fd);
  else moved.set(fd, to);
}
