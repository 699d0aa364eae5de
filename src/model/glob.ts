// Patterns for paths, with the meaning of lines of a .gitignore, matched in linear time whatever they are.
//
// Without a slash (one at the end aside) a pattern matches at any depth, else it starts at the top. `*` is any run of
// characters of a name, `?` one, `[a-z]` one of a set, `**` any number of directories. A slash at the end asks for a
// directory. What matches a directory matches everything below it, and `!` takes back what a pattern before it matched.
// A pattern is never expanded or retried: all places in it that a path may have come to are followed at once.

import { isTemplate, outputPath } from "./job-paths.ts";

/** One character of a name. */
type Token = { kind: "star" } | { kind: "one"; accepts: (character: string) => boolean };

/** One name of a path; "any" is `**`. */
type Segment = "any" | readonly Token[];

interface Pattern {
  negated: boolean;
  directoryOnly: boolean;
  segments: readonly Segment[];
}

/** The shape of a pattern for paths of a job; what can be wrong beyond it is told by `globFault`. */
export const globText = /^(?!(?:.*\/)?\.\.(?:\/|$))[^\p{Cc}]{1,1024}$/u;

/** Spaces at the end of a line count only behind a backslash. */
const withoutSpaces = (text: string): string => text.replace(/(?<![\\ ]) +$/, "");

/** What is wrong with a pattern; undefined when nothing is. */
export function globFault(pattern: string): string | undefined {
  const text = withoutSpaces(pattern);
  if (text.startsWith("#"))
    return "it is a comment, as in .gitignore; write \\# for a name that starts with #";
  if (/^!?\/*$/.test(text)) return "it names nothing";
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(text)) return "paths are relative to the job directory, without . and ..";
  if (/\/\//.test(text)) return "no path has two slashes in a row";
  if (/(?<!\\)(?:\\\\)*\\$/.test(text)) return "a \\ at its end escapes nothing";
  const open = text.split("/").find((name) => parseName(name) === undefined);
  return open === undefined ? undefined : "a [ has no ] after it; write \\[ for the character";
}

/** Whether a path of a job, of a directory or not, is meant by the patterns: the last one that matches decides. */
export type PathMatcher = (path: string, isDirectory: boolean) => boolean;

/** A matcher for patterns in the order given. One that `globFault` objects to matches nothing. */
export function matchGlobs(texts: readonly string[]): PathMatcher {
  const patterns = texts.flatMap(compile);
  return (path, isDirectory) => {
    const names = path.split("/");
    const matched = patterns.map((pattern) => ({ pattern, ends: endsOf(pattern.segments, names) }));
    // From the top: what lies in a directory that is meant is meant with it.
    for (let depth = 1; depth <= names.length; depth++) {
      const isDirectoryHere = depth < names.length || isDirectory;
      const last = matched.findLast(
        ({ pattern, ends }) => ends[depth] === true && (isDirectoryHere || !pattern.directoryOnly),
      );
      if (last !== undefined && !last.pattern.negated) return true;
    }
    return false;
  };
}

/** A pattern that names a template stands for the file that it becomes, which is what lies on a worker. */
function compile(text: string): Pattern[] {
  if (globFault(text) !== undefined) return [];
  const plain = withoutSpaces(text);
  const rendered = isTemplate(plain) ? [outputPath(plain)] : [];
  return [plain, ...rendered].map(parsePattern);
}

function parsePattern(text: string): Pattern {
  const negated = text.startsWith("!");
  const plain = negated ? text.slice(1) : text;
  const directoryOnly = plain.endsWith("/");
  const body = directoryOnly ? plain.slice(0, -1) : plain;
  const names = body.replace(/^\//, "").split("/");
  const segments = names.map((name): Segment => (/^\*{2,}$/.test(name) ? "any" : parseName(name)!));
  return { negated, directoryOnly, segments: body.includes("/") ? segments : ["any", ...segments] };
}

/** For each number of names from the start of a path whether the segments match just those. */
function endsOf(segments: readonly Segment[], names: readonly string[]): boolean[] {
  const end = segments.length;
  // `**` may stand for no directory, but at the end it is everything below and not the directory itself.
  const skipped = (at: ReadonlySet<number>): Set<number> => {
    const all = new Set(at);
    for (const place of all) if (segments[place] === "any" && place + 1 < end) all.add(place + 1);
    return all;
  };
  const ends = [false];
  let at = skipped(new Set([0]));
  for (const name of names) {
    const next = new Set<number>();
    const characters = [...name];
    for (const place of at) {
      const segment = segments[place];
      if (segment === undefined) continue;
      if (segment === "any") {
        next.add(place);
        if (place + 1 === end) next.add(end);
      } else if (matchesName(segment, characters)) next.add(place + 1);
    }
    at = skipped(next);
    ends.push(at.has(end));
  }
  return ends;
}

/** Only the last star is ever taken up again: at most pattern times name steps. */
function matchesName(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0;
  let star = -1;
  let resume = 0;
  for (let at = 0; at < characters.length; ) {
    const wanted = tokens[token];
    if (wanted?.kind === "star") {
      star = token;
      token += 1;
      resume = at;
    } else if (wanted?.kind === "one" && wanted.accepts(characters[at]!)) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      resume += 1;
      at = resume;
    } else return false;
  }
  return tokens.slice(token).every(({ kind }) => kind === "star");
}

/** Undefined where a set is not closed. */
function parseName(name: string): Token[] | undefined {
  const tokens: Token[] = [];
  const characters = [...name];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") {
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (character === "?") tokens.push({ kind: "one", accepts: () => true });
    else if (character === "[") {
      const set = parseSet(characters, at + 1);
      if (set === undefined) return undefined;
      tokens.push({ kind: "one", accepts: set.accepts });
      at = set.end;
    } else {
      const literal = character === "\\" && at + 1 < characters.length ? characters[++at]! : character;
      tokens.push({ kind: "one", accepts: (one) => one === literal });
    }
  }
  return tokens;
}

const classes: Readonly<Record<string, RegExp>> = {
  alnum: /^[A-Za-z0-9]$/,
  alpha: /^[A-Za-z]$/,
  digit: /^[0-9]$/,
  lower: /^[a-z]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^\s$/,
  upper: /^[A-Z]$/,
  xdigit: /^[0-9A-Fa-f]$/,
};

interface CharacterSet {
  accepts(character: string): boolean;
  /** Where its `]` stands. */
  end: number;
}

/** `[a-z_]`, `[!a]` or `[^a]`, `[[:digit:]]`; a `]` right after the opening is one of its characters. */
function parseSet(characters: readonly string[], from: number): CharacterSet | undefined {
  const negated = characters[from] === "!" || characters[from] === "^";
  const first = negated ? from + 1 : from;
  const parts: ((character: string) => boolean)[] = [];
  for (let at = first; at < characters.length; at++) {
    if (characters[at] === "]" && at > first) {
      return { end: at, accepts: (one) => parts.some((part) => part(one)) !== negated };
    }
    const named = /^\[:([a-z]+):\]/.exec(characters.slice(at, at + 12).join(""));
    const known = named === null ? undefined : classes[named[1]!];
    if (named !== null && known !== undefined) {
      parts.push((one) => known.test(one));
      at += named[0].length - 1;
      continue;
    }
    if (characters[at] === "\\" && at + 1 < characters.length) at++;
    const low = characters[at]!;
    if (characters[at + 1] === "-" && at + 2 < characters.length && characters[at + 2] !== "]") {
      at += 2;
      if (characters[at] === "\\" && at + 1 < characters.length) at++;
      const high = characters[at]!;
      parts.push((one) => one >= low && one <= high);
    } else parts.push((one) => one === low);
  }
  return undefined;
}
