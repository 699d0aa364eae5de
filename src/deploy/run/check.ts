// One worker's check, which stays open between its two halves: what the worker says, and what it is then told to do.

import type { Session } from "../../session/session.ts";
import { remoteDirectory } from "../../session/session.ts";
import type { Connection, ExecResult } from "../../ssh/connect/connection.ts";
import type { CheckAnswer, CheckOptions } from "../../worker/check.ts";
import { askedLine, checkCommand, goOnInput, readCheck } from "../../worker/check.ts";
import { runnerText } from "../../worker/commands.ts";

/** A check that has been answered; nothing but its mark has been written on the worker. */
export interface OpenCheck {
  answer: CheckAnswer;
  /** Has the files of the root put in place; what stood in the way is in the findings. */
  goOn(workerJson: string): Promise<CheckAnswer>;
  /** Leaves the worker as it was. Never throws. */
  leave(): Promise<void>;
}

/**
 * Asks a worker. Both halves are one command on one channel: that costs no second request and no second start of a shell
 * through sudo, and a connection that breaks in between is a check that nobody goes on with.
 * @throws what `Connection.exec` throws
 */
export async function openCheck(
  session: Session,
  connection: Connection,
  options: CheckOptions,
): Promise<OpenCheck> {
  const { useSudo } = session.conf;
  let input: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stdin = new ReadableStream<Uint8Array>({
    start(controller) {
      input = controller;
    },
  });
  const lines: string[] = [];
  let ask: () => void = () => undefined;
  const asked = new Promise<"asked">((resolve) => {
    ask = () => resolve("asked");
  });
  const running = connection.exec(checkCommand(remoteDirectory(session), useSudo, runnerText, options), {
    stdin,
    signal: session.shutdown.forced,
    label: "the check of the worker",
    onLine(stream, line) {
      if (stream !== "stdout") return;
      lines.push(line);
      if (line === askedLine) ask();
    },
  });
  let closed = false;
  const send = (text: string): void => {
    if (closed) return;
    closed = true;
    if (text !== "") input?.enqueue(new TextEncoder().encode(text));
    input?.close();
  };
  const end = (result: ExecResult): CheckAnswer => readCheck(lines.join("\n"), useSudo, result);
  const first = await Promise.race([asked, running]);
  if (first !== "asked") {
    closed = true;
    const answer = end(first);
    return { answer, goOn: async () => answer, leave: async () => undefined };
  }
  // Whoever waits for the other workers must not be ended by this one's connection.
  running.catch(() => undefined);
  return {
    answer: readCheck(lines.join("\n"), useSudo),
    async goOn(workerJson) {
      send(goOnInput(workerJson));
      return end(await running);
    },
    async leave() {
      send("");
      await running.catch(() => undefined);
    },
  };
}
