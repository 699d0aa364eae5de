// A value that must not be seen: every way of printing it gives `***`.

import { inspect } from "node:util";

/** Wraps secret text. `reveal()` is the only way to its content, so a search for it finds every use. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [inspect.custom](): string {
    return "***";
  }
}
