// Random templates and data for the differential fuzz: mostly well-formed, some broken on purpose.

import type { Case } from "./judge.ts";
import { contextFields, fields, flagSets, functions, numbers, own, verbs, words } from "./vocabulary.ts";

/** Numbers in [0, 1) from a seed (mulberry32), so that every run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One case; the same `random` in the same state gives the same case. */
export function generateCase(random: () => number): Case {
  const generator = new Generator(random);
  let template = random() < 0.15 ? generator.formats() : generator.whole();
  if (random() < 0.12) template = generator.damaged(template);
  return { template, data: generator.data() };
}

class Generator {
  readonly #random: () => number;
  #variables: string[] = ["$"];
  #loops = 0;
  #defined: string[] = [];
  #definitions: string[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #chance(p: number): boolean {
    return this.#random() < p;
  }

  /** A whole template: its definitions stand before or behind the rest. */
  whole(): string {
    const main = this.nodes(3);
    const definitions = this.#definitions.join("");
    return this.#chance(0.5) ? definitions + main : main + definitions;
  }

  /** Calls of printf and nothing else. */
  formats(): string {
    let text = "";
    for (let n = 2 + this.#below(5); n > 0; n--) text += `{{printf ${this.#format(false)}}}`;
    return text;
  }

  nodes(depth: number): string {
    let text = "";
    for (let n = 1 + this.#below(3); n > 0; n--) text += this.#node(depth);
    return text;
  }

  #node(depth: number): string {
    const kind = this.#below(depth > 0 ? 17 : 7);
    if (kind < 2) return this.#pick(["text ", " \n ", "x", "\n", "", "  - ", "}", "{ "]);
    if (kind < 6) return this.#action(this.#pipe(2));
    if (kind === 6)
      return this.#loops > 0 && this.#chance(0.5)
        ? this.#action(this.#pick(["break", "continue"]))
        : this.#declare();
    if (kind < 9) return this.#branch("if", depth);
    if (kind < 11) return this.#branch("with", depth);
    if (kind < 14) return this.#range(depth);
    if (kind === 14) return this.#template(depth);
    if (kind === 15) return this.#action(this.#pick(["/* note */", "/* a\n b */"]), true);
    return this.#assign();
  }

  #action(inside: string, tight = false): string {
    const left = this.#chance(0.12) ? "{{- " : "{{";
    const right = this.#chance(0.12) ? " -}}" : "}}";
    const space = !tight && this.#chance(0.2) ? this.#pick([" ", "\n", "  "]) : "";
    return left + (left === "{{" ? space : "") + inside + (right === "}}" ? space : "") + right;
  }

  #declare(): string {
    const name = this.#pick(["$x", "$y", "$z1"]);
    const pipe = this.#pipe(2);
    this.#variables.push(name);
    return this.#action(`${name} := ${pipe}`);
  }

  #assign(): string {
    if (this.#variables.length < 2) return "";
    const name = this.#variables[1 + this.#below(this.#variables.length - 1)]!;
    return this.#action(`${name} = ${this.#pipe(2)}`);
  }

  // Runs `make` in a scope whose variables are gone afterwards.
  #scoped(make: () => string): string {
    const before = this.#variables.length;
    const text = make();
    this.#variables.length = before;
    return text;
  }

  #branch(kind: "if" | "with", depth: number): string {
    return this.#scoped(() => {
      let head = this.#pipe(2);
      if (this.#chance(0.2)) {
        head = `$v := ${head}`;
        this.#variables.push("$v");
      }
      let text = this.#action(`${kind} ${head}`) + this.nodes(depth - 1);
      while (this.#chance(0.25))
        text += this.#action(`else ${kind} ${this.#pipe(1)}`) + this.nodes(depth - 1);
      if (this.#chance(0.4)) text += this.#action("else") + this.nodes(depth - 1);
      return text + this.#action("end");
    });
  }

  #range(depth: number): string {
    return this.#scoped(() => {
      const over = this.#chance(0.7)
        ? this.#pick([
            ".l",
            ".m",
            ".ss",
            ".sm",
            ".Labels",
            ".Tags",
            "3",
            "0",
            ".nil",
            ".zz",
            "(slice .l 1)",
            ".n",
            "$.l",
          ])
        : this.#pipe(1);
      let head = over;
      const form = this.#below(5);
      if (form === 1) {
        head = `$e := ${over}`;
        this.#variables.push("$e");
      } else if (form === 2) {
        head = `$i, $e := ${over}`;
        this.#variables.push("$i", "$e");
      } else if (form === 3 && this.#variables.includes("$x")) head = `$x = ${over}`;
      this.#loops++;
      let text = this.#action(`range ${head}`) + this.nodes(depth - 1);
      this.#loops--;
      if (this.#chance(0.35)) text += this.#action("else") + this.nodes(depth - 1);
      return text + this.#action("end");
    });
  }

  #template(depth: number): string {
    const { length } = this.#defined;
    const name = this.#chance(0.1) ? "none" : `T${length}`;
    const outer = this.#variables;
    const loops = this.#loops;
    this.#variables = ["$"];
    this.#loops = 0;
    this.#defined.push(name);
    const body = this.nodes(depth - 1);
    this.#variables = outer;
    this.#loops = loops;
    const dot = this.#chance(0.7) ? ` ${this.#pipe(1)}` : "";
    if (this.#chance(0.5)) return `{{block "${name}" ${dot || "."}}}${body}{{end}}`;
    const definition = `{{define "${name}"}}${body}{{end}}`;
    if (this.#chance(0.05)) return definition;
    this.#definitions.push(definition);
    return `{{template "${name}"${dot}}}`;
  }

  #pipe(depth: number): string {
    let text = this.#command(depth);
    while (this.#chance(0.2)) {
      text += ` | ${this.#chance(0.98) ? this.#call(depth - 1, true) : this.#operand(depth)}`;
    }
    return text;
  }

  #command(depth: number): string {
    if (depth <= 0 || this.#chance(0.4)) return this.#operand(depth);
    return this.#call(depth, false);
  }

  #call(depth: number, piped: boolean): string {
    const name = this.#chance(0.75) ? this.#pick(functions) : this.#pick(own);
    if (name === "printf") return `printf ${this.#format(piped)}`;
    const count = Math.max(this.#argumentCount(name) - (piped ? 1 : 0), 0);
    let text = name;
    for (let i = 0; i < count; i++) text += ` ${this.#argument(name, i, depth)}`;
    return text;
  }

  #argumentCount(name: string): number {
    if (this.#chance(0.04)) return this.#below(4);
    if (["not", "len", "trim", "upper", "lower", "quote", "b64enc", "b64dec", "fail"].includes(name))
      return 1;
    if (["replace"].includes(name)) return 3;
    if (["print", "println", "html", "js", "urlquery"].includes(name)) return this.#below(4);
    if (["and", "or", "eq", "slice"].includes(name)) return 1 + this.#below(3);
    return 2;
  }

  // Arguments that often suit the function, so that calls get past the check of types.
  #argument(name: string, index: number, depth: number): string {
    if (this.#chance(0.15)) return this.#operand(depth);
    if (name === "index" || name === "slice") {
      if (index === 0)
        return this.#pick([".l", ".m", ".s", ".ss", ".sm", ".Labels", ".Tags", this.#string()]);
      return this.#pick(["0", "1", "2", "3", '"k"', '"a"', ".n", "-1"]);
    }
    if (name === "len") return this.#pick([".l", ".m", ".s", ".ss", this.#string()]);
    if (name === "call")
      return index === 0 ? this.#pick([".up", ".many", ".sum", ".greet", ".a"]) : this.#operand(0);
    if (["lt", "le", "gt", "ge", "eq", "ne", "sum"].includes(name)) {
      return this.#chance(0.7) ? this.#pick(["1", "2", ".n", "3", "-7"]) : this.#operand(depth);
    }
    if (name === "join")
      return index === 0 ? this.#pick([".ss", '(split .s "a")', ".Labels"]) : this.#string();
    if (name === "indent" || name === "nindent")
      return index === 0 ? this.#pick(["0", "2", "4"]) : this.#string();
    if (own.includes(name)) return this.#chance(0.8) ? this.#string() : this.#operand(depth);
    return this.#operand(depth);
  }

  #operand(depth: number): string {
    switch (this.#below(depth > 0 ? 12 : 9)) {
      case 0:
      case 1:
        return this.#pick(this.#chance(0.7) ? fields : contextFields);
      case 2:
        return this.#pick(numbers);
      case 3:
      case 4:
        return this.#string();
      case 5:
        return this.#pick(this.#variables) + (this.#chance(0.25) ? this.#pick(fields) : "");
      case 6:
        return this.#pick(["true", "false", "nil", "."]);
      case 7:
        return ".";
      case 8:
        return this.#pick(fields);
      default:
        return `(${this.#pipe(depth - 1)})${this.#chance(0.15) ? this.#pick(fields) : ""}`;
    }
  }

  #string(): string {
    const word = this.#pick(words);
    return this.#chance(0.2) ? `\`${word.replaceAll("\\n", "\n")}\`` : `"${word.replaceAll('"', '\\"')}"`;
  }

  #format(piped: boolean): string {
    let format = "";
    const directives = this.#below(4);
    for (let i = 0; i < directives; i++) format += `${this.#pick(["", "a ", "é", "|"])}${this.#directive()}`;
    let text = `"${format}"`;
    const extra = this.#chance(0.1) ? this.#below(3) : directives;
    for (let i = 0; i < extra - (piped ? 1 : 0); i++) text += ` ${this.#operand(1)}`;
    return text;
  }

  #directive(): string {
    const width = this.#chance(0.35) ? this.#pick(["5", "1", "12", "20", "*", "[1]*", "[2]*"]) : "";
    const precision = this.#chance(0.3) ? `.${this.#pick(["0", "1", "3", "10", "", "*", "[1]*"])}` : "";
    const index = this.#chance(0.08) ? this.#pick(["[1]", "[2]", "[9]", "[x]", "[", "[]", "[0]"]) : "";
    return `%${this.#pick(flagSets)}${width}${precision}${index}${this.#chance(0.02) ? "" : this.#pick(verbs)}`;
  }

  /** The text with a few characters changed. */
  damaged(text: string): string {
    let result = text;
    for (let n = 1 + this.#below(3); n > 0; n--) {
      const at = this.#below(result.length + 1);
      const piece = this.#pick([
        "{{",
        "}}",
        "|",
        "(",
        ")",
        ".",
        "$",
        " ",
        '"',
        "`",
        "'",
        "-",
        ",",
        ":=",
        "=",
        "end",
        "else",
        "\n",
        "1",
        "x",
        "/*",
        "é",
        "@",
        ":",
      ]);
      result = result.slice(0, at) + (this.#chance(0.6) ? piece : "") + result.slice(at + this.#below(3));
    }
    return result;
  }

  data(): unknown {
    if (this.#chance(0.15)) {
      return {
        $context: {
          Job: this.#pick(["api", ""]),
          Index: this.#below(4),
          Ratio: this.#pick([0, 0.5, 1e9]),
          Ready: this.#chance(0.5),
          Labels: this.#pick([[], ["worker"], ["b", "a", "é"]]),
          Tags: this.#pick([{}, { zone: "eu", k: "v" }]),
        },
      };
    }
    if (this.#chance(0.05)) return this.#leaf(2);
    const data: Record<string, unknown> = {
      a: this.#leaf(2),
      b: this.#leaf(1),
      l: Array.from({ length: this.#below(4) }, () => this.#leaf(1)),
      m: { k: this.#leaf(1), a: this.#leaf(0), deep: { x: this.#leaf(0) } },
      s: this.#pick(["", "hello", "héllo\n", "a,b"]),
      n: this.#below(5) - 1,
      f: this.#pick([0.5, { $float: 3 }, -2.25, { $float: 1e6 }, 1e-9, 12345.678]),
      t: this.#chance(0.5),
      nil: null,
      u: this.#leaf(2),
      ss: { $strings: this.#pick([[], ["a"], ["x", "y", "z"]]) },
      sm: { $stringMap: this.#pick([{}, { k: "v" }, { b: "2", a: "1", k: "" }]) },
    };
    if (this.#chance(0.15)) {
      for (const name of ["upper", "many", "sum", "greet"])
        data[name === "upper" ? "up" : name] = { $func: name };
    }
    return data;
  }

  #leaf(depth: number): unknown {
    switch (this.#below(depth > 0 ? 10 : 7)) {
      case 0:
        return this.#below(20) - 5;
      case 1:
        return this.#pick([0.5, { $float: 0 }, { $float: 7 }, 1e21, -1e-5, 3.0000001]);
      case 2:
        return this.#chance(0.5);
      case 3:
        return null;
      case 4:
      case 5:
        return this.#pick(["", "a", "b", "é", "日本語", "x\ny", "<b>", "\u0000", "5", "%s", "\u00ad", "😀"]);
      case 6:
        return this.#pick([4096, 0, 1, -1]);
      case 7:
        return Array.from({ length: this.#below(3) }, () => this.#leaf(depth - 1));
      case 8:
        return { k: this.#leaf(depth - 1), Z: this.#leaf(0) };
      default:
        return { $strings: ["p", "q"] };
    }
  }
}
