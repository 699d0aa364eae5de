// A value that must not be seen: every way of printing it gives `***`.

import { inspect } from "node:util";

/** Wraps secret text. `reveal()` is the only way to its content, so a search for it finds every use. */
export class Secret {
  readonly #text: string | (() => string);

  /** Text, or how to get it: a secret that is only listed need never be decrypted. */
  constructor(text: string | (() => string)) {
    this.#text = text;
  }

  reveal(): string {
    return typeof this.#text === "string" ? this.#text : this.#text();
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
