// maand.conf: keys, defaults, limits, and the text that init writes.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { defaultConf, formatDefaultConf, type MaandConf, parseConf } from "../../src/bucket/conf.ts";
import { formatDiagnostic } from "../../src/model/diagnostic.ts";
import { checkedValue, errors } from "../support/checked.ts";

const refuse = (text: string) => errors(parseConf(text, "maand.conf")).map(formatDiagnostic);

const defaults: MaandConf = {
  sshUser: "agent",
  sshKey: "worker.key",
  sshPort: 22,
  useSudo: true,
  certsTtlDays: 60,
  certsRenewalBufferDays: 0,
  jobConfigSelector: "",
  logFormat: "kv",
  hostKeyChecking: "accept-new",
  sshConfig: "",
  connectTimeoutSeconds: 10,
  commandTimeoutSeconds: 600,
  maxParallelWorkers: 32,
  workerRoot: "/opt/worker",
};

test("an empty file has the documented defaults", () => {
  expect(parseConf("", "maand.conf")).toEqual({ ok: true, value: defaults, diagnostics: [] });
  expect(defaultConf()).toEqual(defaults);
});

test("what init writes has the same defaults, but renews ten days ahead", () => {
  const conf = parseConf(formatDefaultConf(), "maand.conf");
  expect(checkedValue(conf)).toEqual({ ...defaults, certsRenewalBufferDays: 10 });
});

test("what init writes has a remark and a line for every key", () => {
  const lines = formatDefaultConf().trimEnd().split("\n");
  const keys = lines.filter((line) => / = /.test(line) && !line.startsWith("#"));
  expect(keys).toHaveLength(Object.keys(defaults).length);
  for (const key of keys) expect(lines[lines.indexOf(key) - 1]).toStartWith("# ");
});

test("every setting survives being written", () => {
  const conf: fc.Arbitrary<MaandConf> = fc.record({
    sshUser: fc.constantFrom("agent", "root", "a.b-c_d"),
    sshKey: fc.constantFrom("worker.key", "id_ed25519"),
    sshPort: fc.integer({ min: 1, max: 65535 }),
    useSudo: fc.boolean(),
    certsTtlDays: fc.integer({ min: 1, max: 3650 }),
    certsRenewalBufferDays: fc.integer({ min: 0, max: 3650 }),
    jobConfigSelector: fc.constantFrom("", "prod", "eu-1"),
    logFormat: fc.constantFrom("kv", "json", "jsonl"),
    hostKeyChecking: fc.constantFrom("strict", "accept-new", "off"),
    // `~user` is refused: only `~/` is the home directory of whoever runs maand.
    sshConfig: fc
      .string({ maxLength: 20 })
      .filter((path) => !/\p{Cc}|^~(?!\/)/u.test(path) && path.isWellFormed()),
    connectTimeoutSeconds: fc.integer({ min: 1, max: 604800 }),
    commandTimeoutSeconds: fc.integer({ min: 1, max: 604800 }),
    maxParallelWorkers: fc.integer({ min: 1, max: 1024 }),
    workerRoot: fc.constantFrom("/opt/worker", "/srv/a.b/c-d_e"),
  });
  fc.assert(
    fc.property(conf, (value) => {
      fc.pre(value.certsTtlDays > value.certsRenewalBufferDays);
      expect(parseConf(formatDefaultConf(value), "maand.conf")).toEqual({ ok: true, value, diagnostics: [] });
    }),
    { numRuns: 200 },
  );
});

test("all faults are told, with places, and unknown keys with the nearest known one", () => {
  const text = 'ssh_usr = "agent"\nssh_port = 0\nuse_sudo = "yes"\n\n[ssh]\nport = 22\n';
  expect(refuse(text)).toEqual([
    'maand.conf:1:1: unknown key "ssh_usr"; did you mean "ssh_user"?',
    'maand.conf:2:12: "ssh_port" is 0; use a whole number from 1 to 65535',
    'maand.conf:3:12: "use_sudo" is "yes"; use true or false',
    'maand.conf:5:1: unknown key "ssh"; known are ssh_user, ssh_key, ssh_port, use_sudo, certs_ttl, certs_renewal_buffer, job_config_selector, log_format, host_key_checking, ssh_config, connect_timeout, command_timeout, max_parallel_workers, worker_root',
  ]);
});

describe("refused values", () => {
  for (const line of [
    'ssh_user = ""',
    'ssh_user = "-oProxyCommand=x"',
    'ssh_user = "a b"',
    "ssh_user = 5",
    'ssh_key = "/root/key"',
    'ssh_key = ".."',
    'ssh_key = ""',
    "ssh_port = 65536",
    "ssh_port = 22.0",
    'ssh_port = "22"',
    "use_sudo = 1",
    "certs_ttl = 0",
    "certs_ttl = 999999",
    "certs_renewal_buffer = -1",
    'job_config_selector = "../x"',
    'job_config_selector = "a.b"',
    'log_format = "xml"',
    'host_key_checking = "no"',
    "host_key_checking = false",
    'ssh_config = "a\\u0000b"',
    "connect_timeout = 0",
    "command_timeout = 1e3",
    "command_timeout = 99999999999999999999",
    "max_parallel_workers = 0",
    'worker_root = "/"',
    'worker_root = "opt/worker"',
    'worker_root = "/opt/../etc"',
    'worker_root = "/opt/."',
    'worker_root = "/opt//x"',
    'worker_root = "/opt/a b"',
    'worker_root = "/opt/$(id)"',
    'worker_root = "/opt/worker/"',
  ])
    test(line, () => {
      expect(refuse(line)).toHaveLength(1);
    });
});

test("a syntax fault has its place", () => {
  expect(refuse("ssh_user = agent")).toEqual([
    'maand.conf:1:12: not valid TOML: invalid value; fix this line: key = "text", key = 12, or [table]',
  ]);
});
