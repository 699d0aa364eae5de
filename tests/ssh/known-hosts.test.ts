// known_hosts as OpenSSH reads it, and the judgement of keys.

import { beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  judgeHostKey,
  keyFingerprint,
  keyTypeOf,
  knownHostLine,
  matchesWildcard,
  parseKnownHosts,
} from "../../src/ssh/host-keys/known-hosts.ts";
import { makeKey, publicKey } from "../support/sshd.ts";
import { useTempDirs } from "../support/use.ts";

const tempDir = useTempDirs();
const dir = tempDir();
const keys: Record<string, string> = {};

beforeAll(() => {
  for (const name of ["a", "b", "ca"]) {
    makeKey(join(dir, name));
    keys[name] = publicKey(join(dir, `${name}.pub`));
  }
  makeKey(join(dir, "rsa"), { type: "rsa" });
  keys.rsa = publicKey(join(dir, "rsa.pub"));
});

const blob = (name: string) => Buffer.from(keys[name]!.split(" ")[1]!, "base64");

function judge(text: string, host: string, key: string, port = 22): string {
  return judgeHostKey(parseKnownHosts(text, "known_hosts"), host, port, blob(key)).verdict;
}

test("plain names, several names, ports and letter case", () => {
  const text = `web,10.0.0.1 ${keys.a}\n[10.0.0.2]:2222 ${keys.a} a comment\nfd00::1 ${keys.a}\n[fd00::1]:2022 ${keys.b}\n`;
  expect(judge(text, "10.0.0.1", "a")).toBe("known");
  expect(judge(text, "WEB", "a")).toBe("known");
  expect(judge(text, "10.0.0.1", "a", 2222)).toBe("unknown");
  expect(judge(text, "10.0.0.2", "a", 2222)).toBe("known");
  expect(judge(text, "10.0.0.2", "a")).toBe("unknown");
  expect(judge(text, "fd00::1", "a")).toBe("known");
  expect(judge(text, "fd00::1", "b", 2022)).toBe("known");
});

test("another key on record is a change, of another type too", () => {
  expect(judge(`h ${keys.a}`, "h", "b")).toBe("changed");
  expect(judge(`h ${keys.rsa}`, "h", "b")).toBe("changed");
  expect(judge(`h ${keys.rsa}\nh ${keys.b}`, "h", "b")).toBe("known");
  expect(judge(`other ${keys.a}`, "h", "b")).toBe("unknown");
});

test("wildcards and negation", () => {
  const text = `10.0.*,!10.0.9.?,web-?? ${keys.a}`;
  expect(judge(text, "10.0.1.1", "a")).toBe("known");
  expect(judge(text, "10.0.9.1", "a")).toBe("unknown");
  expect(judge(text, "10.0.9.11", "a")).toBe("known");
  expect(judge(text, "web-01", "a")).toBe("known");
  expect(judge(text, "web-1", "a")).toBe("unknown");
  expect(judge(`!h ${keys.a}`, "h", "a")).toBe("unknown");
});

test("a revoked key is refused even when it is on record", () => {
  expect(judge(`h ${keys.a}\n@revoked * ${keys.a}`, "h", "a")).toBe("revoked");
  expect(judge(`h ${keys.a}\n@revoked * ${keys.b}`, "h", "a")).toBe("known");
  expect(judge(`h ${keys.a}\n@revoked other ${keys.a}`, "h", "a")).toBe("known");
});

test("an authority is no host key, and is handed on", () => {
  const entries = parseKnownHosts(`@cert-authority *.lan ${keys.ca}`, "f");
  const judged = judgeHostKey(entries, "w1.lan", 22, blob("ca"));
  expect(judged).toMatchObject({ verdict: "unknown", authorities: [{ line: 1, marker: "cert-authority" }] });
  expect(judgeHostKey(entries, "w1.net", 22, blob("a"))).toEqual({ verdict: "unknown", authorities: [] });
});

test("hashed names as ssh-keygen -H writes them", () => {
  const file = join(dir, "hashed");
  writeFileSync(file, `10.0.0.1 ${keys.a}\n[10.0.0.2]:2222 ${keys.b}\n`);
  execFileSync("ssh-keygen", ["-H", "-f", file], { stdio: "ignore" });
  const text = readFileSync(file, "utf8");
  expect(text).not.toContain("10.0.0.1");
  expect(judge(text, "10.0.0.1", "a")).toBe("known");
  expect(judge(text, "10.0.0.1", "b")).toBe("changed");
  expect(judge(text, "10.0.0.2", "b", 2222)).toBe("known");
  expect(judge(text, "10.0.0.3", "a")).toBe("unknown");
});

test("ssh-keygen finds the lines that we write, and the fingerprints are its own", () => {
  const file = join(dir, "written");
  writeFileSync(
    file,
    `${knownHostLine("10.1.1.1", 22, blob("a"))}\n${knownHostLine("fd00::2", 2222, blob("rsa"))}\n`,
  );
  const found = (name: string) => execFileSync("ssh-keygen", ["-F", name, "-f", file], { encoding: "utf8" });
  expect(found("10.1.1.1")).toContain(keys.a!);
  expect(found("[fd00::2]:2222")).toContain(keys.rsa!);
  copyFileSync(join(dir, "rsa.pub"), join(dir, "copy.pub"));
  const listed = execFileSync("ssh-keygen", ["-l", "-f", join(dir, "copy.pub")], { encoding: "utf8" });
  expect(listed).toContain(keyFingerprint(blob("rsa")));
  expect(keyTypeOf(blob("rsa"))).toBe("ssh-rsa");
});

test("lines that say nothing are passed over and the others keep their number", () => {
  const bad = [
    "",
    "# x",
    "h",
    "h ssh-rsa",
    `h ssh-rsa ${keys.a!.split(" ")[1]}`,
    `@odd h ${keys.a}`,
    "|1|x|y ssh-ed25519 AAAA",
    "h 2048 35 1234",
  ];
  const entries = parseKnownHosts(`${bad.join("\r\n")}\r\n  h ${keys.a}\r\n`, "f");
  expect(entries).toMatchObject([{ line: bad.length + 1, file: "f", keyType: "ssh-ed25519" }]);
});

test("wildcards agree with the same pattern as a regular expression", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
  const patterns = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(patterns, letters, (pattern, text) => {
      const regex = new RegExp(
        `^${pattern.replaceAll(".", "\\.").replaceAll("?", ".").replaceAll("*", ".*")}$`,
      );
      expect(matchesWildcard(pattern, text)).toBe(regex.test(text));
    }),
    { numRuns: 2000 },
  );
});

test("no input crashes the parser or the judgement", () => {
  const key = blob("a");
  const piece = fc.oneof(
    fc.constantFrom(
      "@revoked ",
      "@cert-authority ",
      "|1|",
      "|",
      "*",
      "!",
      ",",
      "[",
      "]:22",
      " ",
      "\t",
      "\n",
      "#",
    ),
    fc.constantFrom("ssh-ed25519 ", "AAAAC3NzaC1lZDI1NTE5", "h", keys.a ?? "x", "AAAA////", "="),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  let parsed = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const entries = parseKnownHosts(pieces.join(""), "f");
      parsed += entries.length;
      judgeHostKey(entries, "h", 22, key);
      keyTypeOf(Buffer.from(pieces.join(""), "latin1"));
    }),
    { numRuns: 100_000 },
  );
  expect(parsed).toBeGreaterThan(0);
}, 60_000);
