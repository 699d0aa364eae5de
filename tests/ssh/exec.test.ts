// Running commands over one connection: results, input, output, limits, deadlines, lost connections.

import { expect, setDefaultTimeout, test } from "bun:test";
import { MaandError } from "../../src/model/error.ts";
import { openConnection } from "../../src/ssh/connect/connection.ts";
import { bash, sh } from "../../src/ssh/exec/quote.ts";
import { startSshd, useConnection } from "../support/sshd.ts";
import { rejectionOf } from "../support/thrown.ts";
import { descendants, eventually } from "../support/watch.ts";

setDefaultTimeout(60_000);

const { sshd, connection } = useConnection();

test("both outputs and the exit code come back as they were", async () => {
  const result = await connection.exec(sh`printf out; printf err >&2; exit 7`);
  expect(result).toEqual({ exitCode: 7, stdout: "out", stderr: "err" });
});

test("every exec request is counted", async () => {
  const before = connection.execCount;
  await connection.exec(sh`true`);
  await connection.exec(sh`false`);
  expect(connection.execCount).toBe(before + 2);
});

test("a command that a signal ended has 128 + n and the signal's name", async () => {
  const result = await connection.exec(sh`kill -KILL $$`);
  expect(result).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
});

test("a command that is not there is exit code 127", async () => {
  expect((await connection.exec(sh`no-such-command-here`)).exitCode).toBe(127);
});

test("without input the command sees the end of file", async () => {
  expect((await connection.exec(sh`cat; echo done`)).stdout).toBe("done\n");
});

test("binary input and output survive, from bytes and from a stream", async () => {
  const data = new Uint8Array(3_000_000);
  for (let i = 0; i < data.length; i++) data[i] = (i * 2654435761) >>> 24;
  const source = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < data.length; at += 70_001) controller.enqueue(data.subarray(at, at + 70_001));
        controller.close();
      },
    });
  for (const stdin of [data, source()]) {
    const chunks: Uint8Array[] = [];
    const result = await connection.exec(sh`cat`, {
      stdin,
      onStdout: (c) => chunks.push(c),
      maxCapture: 10,
    });
    expect(result.exitCode).toBe(0);
    expect(Buffer.concat(chunks).equals(Buffer.from(data))).toBe(true);
  }
});

test("input that nobody reads does not hold the result up", async () => {
  const stdin = new Uint8Array(20_000_000);
  expect((await connection.exec(sh`exit 3`, { stdin })).exitCode).toBe(3);
});

test("an input stream that never ends does not hold the result up", async () => {
  const stdin = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
  expect((await connection.exec(sh`exit 4`, { stdin })).exitCode).toBe(4);
});

test("lines come as they are written, the last one without its newline too", async () => {
  const lines: string[] = [];
  await connection.exec(sh`echo one; echo two >&2; printf 'gr\\303\\274n\\r\\nthr\\377ee'`, {
    onLine: (stream, line) => lines.push(`${stream} ${line}`),
  });
  expect(lines.filter((l) => l.startsWith("stdout"))).toEqual([
    "stdout one",
    "stdout grün",
    "stdout thr\ufffdee",
  ]);
  expect(lines).toContain("stderr two");
});

test("only the tail of a long output is kept", async () => {
  const result = await connection.exec(sh`seq 1 200000`, { maxCapture: 12 });
  expect(result.stdout).toBe("9999\n200000\n".slice(-12));
});

test("50 commands at once over MaxSessions 10 all run", async () => {
  const numbers = Array.from({ length: 50 }, (_, i) => i);
  const results = await Promise.all(numbers.map((n) => connection.exec(sh`echo ${n}`)));
  expect(results.map((r) => r.stdout)).toEqual(numbers.map((n) => `${n}\n`));
});

test("50 commands at once over MaxSessions 1 all run, and a long one holds up but fails nobody", async () => {
  const narrow = await startSshd({ config: ["MaxSessions 1"] });
  try {
    const link = await openConnection(await narrow.target(), narrow.settings());
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    const results = await Promise.all(
      numbers.map((n) => link.exec(n === 0 ? sh`sleep 1; echo ${n}` : sh`echo ${n}`)),
    );
    expect(results.map((r) => r.stdout)).toEqual(numbers.map((n) => `${n}\n`));
    expect(link.execCount).toBe(50);
    await link.close();
  } finally {
    narrow.end();
  }
});

test("a server without any session is an error that names MaxSessions", async () => {
  const closed = await startSshd({ config: ["MaxSessions 0"] });
  try {
    const link = await openConnection(await closed.target(), closed.settings());
    const error = await rejectionOf(link.exec(sh`true`));
    expect(error).toBeInstanceOf(MaandError);
    expect(error).toMatchObject({ kind: "remote", where: { worker: "127.0.0.1" } });
    expect((error as MaandError).hint).toContain("MaxSessions");
    await link.close();
  } finally {
    closed.end();
  }
});

test("the deadline ends a command, and the connection goes on", async () => {
  const error = await rejectionOf(
    connection.exec(sh`sleep 30`, { timeoutSeconds: 0.3, label: "start of job api" }),
  );
  expect(error).toMatchObject({ kind: "remote", message: "start of job api did not end in time" });
  expect((error as MaandError).why).toContain("0.3 s");
  expect((await connection.exec(sh`echo still here`)).stdout).toBe("still here\n");
});

test("a signal aborts a command that runs and one that waits for its turn", async () => {
  const stop = new AbortController();
  const ends = Array.from({ length: 6 }, () =>
    rejectionOf(connection.exec(sh`sleep 30`, { signal: stop.signal })),
  );
  setTimeout(() => stop.abort(), 200);
  for (const error of await Promise.all(ends)) expect(error).toMatchObject({ kind: "interrupted" });
  const late = connection.exec(sh`true`, { signal: stop.signal });
  expect(await rejectionOf(late)).toMatchObject({ kind: "interrupted" });
  expect((await connection.exec(sh`true`)).exitCode).toBe(0);
});

test("a daemon that keeps the output open does not hold its start up", async () => {
  const result = await connection.exec(sh`sleep 20 & echo started; exit 5`, { timeoutSeconds: 15 });
  expect(result).toMatchObject({ exitCode: 5, stdout: "started\n" });
});

test("a command that is too long is refused before it is sent", async () => {
  const error = await rejectionOf(connection.exec(sh`echo ${"x".repeat(140_000)}`));
  expect(error).toMatchObject({ kind: "usage", where: { worker: "127.0.0.1" } });
  const long = "y".repeat(120_000);
  expect((await connection.exec(sh`echo ${long}`)).stdout).toBe(`${long}\n`);
});

test("a killed sshd fails the command, those that wait, and those that come later", async () => {
  const doomed = await startSshd();
  try {
    const link = await openConnection(await doomed.target(), doomed.settings());
    const failures = Array.from({ length: 6 }, () => rejectionOf(link.exec(sh`echo up; sleep 30`)));
    await eventually(() => descendants(doomed.pid).length > 4, "the commands run");
    doomed.kill();
    for (const error of await Promise.all(failures)) {
      expect(error).toMatchObject({ kind: "unreachable", where: { worker: "127.0.0.1" } });
    }
    expect(link.lost).toBeInstanceOf(MaandError);
    expect(await rejectionOf(link.exec(sh`true`))).toMatchObject({ kind: "unreachable" });
    await link.close();
  } finally {
    doomed.end();
  }
});

test("a frozen sshd is noticed by its silence", async () => {
  const frozen = await startSshd();
  try {
    const link = await openConnection(await frozen.target(), frozen.settings({ keepaliveSeconds: 0.1 }));
    const running = link.exec(sh`sleep 30`);
    await eventually(() => descendants(frozen.pid).length > 1, "the command runs");
    for (const pid of frozen.children()) process.kill(pid, "SIGSTOP");
    const error = await rejectionOf(running);
    expect(error).toMatchObject({ kind: "unreachable", message: "the connection to the worker was lost" });
    expect((error as MaandError).why).toContain("nothing was heard");
    await link.close();
  } finally {
    frozen.end();
  }
});

test("an idle connection is not taken for a dead one", async () => {
  const link = await openConnection(await sshd.target(), sshd.settings({ keepaliveSeconds: 0.05 }));
  await Bun.sleep(1500);
  expect(link.lost).toBeUndefined();
  expect((await link.exec(bash(sh`sleep 1; echo yes`))).stdout).toBe("yes\n");
  await link.close();
});

test("closing fails what is under way and can be done twice", async () => {
  const link = await openConnection(await sshd.target(), sshd.settings());
  const running = rejectionOf(link.exec(sh`sleep 30`));
  await Bun.sleep(100);
  await Promise.all([link.close(), link.close()]);
  expect(await running).toMatchObject({ kind: "unreachable" });
  expect(await rejectionOf(link.exec(sh`true`))).toMatchObject({ kind: "unreachable" });
});
