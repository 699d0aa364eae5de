// The fields of a struct, each worked out when it is first asked for.

import type { Value } from "./value.ts";

/**
 * Looks like a map of values to whoever reads it. Names cost nothing; a value is made by its maker at the first look,
 * and a look at all of them makes all. So who gives out a struct can tell which of its fields was looked at.
 */
export class LazyFields extends Map<string, Value> {
  readonly #waiting: Map<string, () => Value>;

  constructor(makers: Iterable<readonly [string, () => Value]>) {
    super();
    this.#waiting = new Map(makers);
    // Names have their order from the beginning.
    for (const name of this.#waiting.keys()) this.set(name, undefined);
  }

  override get(name: string): Value {
    const make = this.#waiting.get(name);
    if (make !== undefined) {
      this.#waiting.delete(name);
      this.set(name, make());
    }
    return super.get(name);
  }

  override entries(): MapIterator<[string, Value]> {
    this.#makeAll();
    return super.entries();
  }

  override values(): MapIterator<Value> {
    this.#makeAll();
    return super.values();
  }

  override forEach(look: (value: Value, name: string, map: Map<string, Value>) => void): void {
    this.#makeAll();
    super.forEach(look);
  }

  override [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }

  #makeAll(): void {
    for (const name of [...this.#waiting.keys()]) this.get(name);
  }
}
