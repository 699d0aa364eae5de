// The rules of src/README.md that no type can hold: who writes SQL, who makes commands, what deploy never reads, which
// room uses which; and that every document points at something.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const list = (...patterns: string[]) =>
  patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root, dot: true })]).sort();
const read = (file: string) => readFileSync(join(root, file), "utf8");
const sources = list("src/**/*.ts");

/** `file:line` of every line that matches, comments aside. */
function linesWith(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, i) =>
        pattern.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [],
      ),
  );
}

describe("SQL is written in catalog/ and kv/ alone", () => {
  const sql =
    /\.query[<(]|\bSELECT\b.*\bFROM\b|\bINSERT (?:OR \w+ )?INTO\b|\bDELETE FROM\b|\bUPDATE \w+ SET\b|\bCREATE TABLE\b/;
  test("the pattern knows SQL when it sees it", () => {
    expect(linesWith(list("src/catalog/*.ts"), sql).length).toBeGreaterThan(20);
  });
  test("nowhere else", () => {
    const elsewhere = sources.filter((file) => !/^src\/(?:catalog|kv)\//.test(file));
    expect(linesWith(elsewhere, sql)).toEqual([]);
  });
});

describe("commands for a shell are made by ssh/exec/quote.ts alone", () => {
  test("nobody else makes a ShellText or pretends that text is one", () => {
    const elsewhere = sources.filter((file) => file !== "src/ssh/exec/quote.ts");
    expect(
      linesWith(elsewhere, /new ShellText\b|as (?:unknown as )?(?:ShellText|ScriptFile)\b|: ShellText = \{/),
    ).toEqual([]);
  });
  test("a script is a constant: nothing is put into it", () => {
    // Values reach a script as its arguments; a template with holes would paste them, and no linter reads a string.
    expect(linesWith(sources, /\bscript\(\s*["'`]|#!\/(?:usr\/)?bin\b/)).toEqual([]);
  });
});

describe("deploy never opens the workspace", () => {
  const imports = (file: string) =>
    [...read(file).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map((match) =>
      normalize(join(dirname(file), match[1]!)),
    );
  /** Everything that a file loads, itself included; what only the command line or a session needs is not followed. */
  const reach = (start: string): Set<string> => {
    const seen = new Set<string>();
    const waiting = [start];
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      if (seen.has(file) || !file.endsWith(".ts") || !existsSync(join(root, file))) continue;
      seen.add(file);
      waiting.push(...imports(file));
    }
    return seen;
  };
  test("no file of it reads workspace/ or knows where it is", () => {
    const deploy = list("src/deploy/**/*.ts", "src/content/**/*.ts", "src/lifecycle/**/*.ts");
    expect(linesWith(deploy, /paths\.workspace\b/)).toEqual([]);
    expect(deploy.length).toBeGreaterThan(20);
  });
  test("nothing that it loads reads the user's files", () => {
    const loaded = reach("src/deploy/run/run.ts");
    expect(loaded.size).toBeGreaterThan(100);
    const readers = ["read", "check", "manifest", "workers", "job-directory"].map(
      (n) => `src/workspace/${n}.ts`,
    );
    expect(readers.filter((file) => loaded.has(file))).toEqual([]);
  });
});

describe("the map", () => {
  /** Every room, the uppermost first. */
  const rooms = [...read("src/README.md").matchAll(/^src\/(\w+)\//gm)].map((match) => match[1]!);
  const roomOf = (file: string): string => relative("src", file).split("/")[0]!;
  const imports = sources.flatMap((file) =>
    [...read(file).matchAll(/(?:^|\n)(?:import|export) (type )?[^;"]*?from "(\.[^"]+)"/g)].map((match) => ({
      file,
      target: normalize(join(dirname(file), match[2]!)),
      isType: match[1] !== undefined,
    })),
  );
  test("rooms use rooms below them, but for the three lines that it names", () => {
    const named = ["hooks → lifecycle", "catalog → kv", "model → manifest"];
    const up = imports
      .filter(({ file, target }) => rooms.includes(roomOf(file)) && rooms.includes(roomOf(target)))
      .filter(({ file, target }) => rooms.indexOf(roomOf(file)) > rooms.indexOf(roomOf(target)))
      .map(({ file, target }) => ({ line: `${roomOf(file)} → ${roomOf(target)}`, file }));
    expect(imports.length).toBeGreaterThan(1000);
    expect(up.filter(({ line }) => !named.includes(line))).toEqual([]);
    expect([...new Set(up.map(({ line }) => line))].sort()).toEqual([...named].sort());
  });
  test("what goes up to lifecycle is pure, and the rest are types", () => {
    const pure = ["batches", "order", "select"].map((name) => `src/lifecycle/${name}.ts`);
    const into = (from: string, to: string) =>
      imports.filter(({ file, target }) => roomOf(file) === from && roomOf(target) === to);
    expect(into("hooks", "lifecycle").filter(({ target }) => !pure.includes(target))).toEqual([]);
    const types = [...into("catalog", "kv"), ...into("model", "manifest")];
    expect(types.filter(({ isType }) => !isType)).toEqual([]);
  });
  test("no file needs itself to be loaded", () => {
    const needed = Map.groupBy(
      imports.filter(({ isType }) => !isType),
      ({ file }) => file,
    );
    const done = new Set<string>();
    const circles: string[][] = [];
    const visit = (file: string, above: readonly string[]): void => {
      if (above.includes(file)) circles.push([...above.slice(above.indexOf(file)), file]);
      if (done.has(file) || above.includes(file)) return;
      for (const { target } of needed.get(file) ?? []) visit(target, [...above, file]);
      done.add(file);
    };
    for (const file of sources) visit(file, []);
    expect(circles).toEqual([]);
  });
});

describe("documents", () => {
  const documents = list("README.md", "src/**/*.md", ".github/**/*.md", "tests/**/*.md");
  const headings = (file: string) =>
    read(file)
      .split("\n")
      .flatMap((line) => {
        const text = /^#+ (.*)$/.exec(line)?.[1];
        if (text === undefined) return [];
        return [
          text
            .toLowerCase()
            .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
            .replaceAll(" ", "-"),
        ];
      });

  test.each(documents)("%s: every link leads to a file, and to a heading of it", (file) => {
    const broken = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^(?:https?|mailto):/.test(link))
      .filter((link) => {
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? file : normalize(join(dirname(file), path));
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !headings(target).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  /** Files that a document names in backquotes: `plan.ts`, `deploy/run/run.ts`, `scripts/golden`. */
  test.each(documents.filter((file) => !file.startsWith("src/help/")))(
    "%s: every file it names is there",
    (file) => {
      const names = [
        ...read(file).matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|py|sh|md)|(?:scripts|tests)\/[\w./-]+)`/g),
      ];
      const places = [dirname(file), "", "src", "tests/support", "tests/support/builders", "src/manifest"];
      const missing = names
        .map((match) => match[1]!.replace(/\/$/, ""))
        .filter((name) => !places.some((place) => existsSync(join(root, place, name))));
      expect(missing).toEqual([]);
    },
  );

  test("the map names every room, and no other", () => {
    const drawn = new Set([...read("src/README.md").matchAll(/^src\/(\w+)\//gm)].map((match) => match[1]!));
    const rooms = new Set(
      sources.map((file) => relative("src", file).split("/")).flatMap((p) => (p.length > 1 ? [p[0]!] : [])),
    );
    expect([...drawn].sort()).toEqual([...rooms].sort());
  });

  test("a comment that cites a heading of a help topic cites one that is there", () => {
    const cited = sources.flatMap((file) =>
      [...read(file).matchAll(/`maand help (\w+)`, "([^"]+)"/g)].map((match) => ({
        file,
        topic: match[1]!,
        title: match[2]!,
      })),
    );
    expect(cited.length).toBeGreaterThan(0);
    const missing = cited.filter(
      ({ topic, title }) => !read(`src/help/${topic}.md`).split("\n").includes(`## ${title}`),
    );
    expect(missing).toEqual([]);
  });

  test("comments cite nothing by a number that only its author could look up", () => {
    const cite = /\((?:0\d|1[0-5])(?:, |\))|\bspec\/|\bissue #?\d/;
    const texts = list("src/**/*.{ts,md,py,sh}", "tests/**/*.{ts,md}", "scripts/**/*");
    const own = relative(root, import.meta.path);
    const found = texts
      .filter((file) => file !== own)
      .flatMap((file) =>
        read(file)
          .split("\n")
          .flatMap((line, i) =>
            /(?:\/\/|\*|#)/.test(line) && cite.test(line) ? [`${file}:${i + 1}: ${line}`] : [],
          ),
      );
    expect(found).toEqual([]);
  });
});
