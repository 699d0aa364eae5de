// Chance that can be repeated: a generator of numbers from a printed seed.

/** The seed of the environment variable, else a new one; printed, so that a failing run can be repeated. */
export function seedFrom(variable: string): number {
  const seed = Number(process.env[variable] ?? Date.now() % 1_000_000);
  console.error(`${variable}=${seed}`);
  return seed;
}

/** Mulberry32: a small generator whose whole state is the seed. Numbers from 0 up to 1. */
export function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
