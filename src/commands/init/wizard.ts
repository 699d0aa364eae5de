// The questions of maand init on a terminal. Nothing is written here: a cancelled wizard leaves no trace.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type CANCEL_SYMBOL, confirm, intro, isCancel, outro, text } from "@clack/prompts";
import { defaultConf } from "../../bucket/conf.ts";
import type { BucketPaths } from "../../bucket/locate.ts";
import { readRegular } from "../../bucket/regular-file.ts";
import type { InitRequest } from "../../init/create.ts";
import { isEmptyList } from "../../init/workspace.ts";
import { MaandError } from "../../model/error.ts";
import { passed } from "../../model/result.ts";
import { expandHome, judgeSshUser, judgeWorkers } from "./answers.ts";

/** Prompts go to standard error: standard output is for the result. */
const streams = { input: process.stdin, output: process.stderr };

/** Keys that OpenSSH itself would try, the best first (ssh_config(5), "IdentityFile"). */
const usualKeys = ["id_ed25519", "id_ecdsa", "id_rsa"];

/**
 * Asks for what the flags left open and the bucket does not have yet; asks nothing when that is nothing.
 * @throws MaandError("interrupted") when the operator cancels.
 */
export async function askForBucket(paths: BucketPaths, given: InitRequest): Promise<InitRequest> {
  const questions = openQuestions(paths, given);
  if (!questions.conf && !questions.sshKey && !questions.workers) return given;
  const request = { ...given };
  intro(`maand init in ${paths.root}`, streams);
  if (questions.conf) {
    if (given.sshUser === undefined) request.sshUser = await askUser();
    const message = `Run the jobs on workers as root, through sudo without a password?`;
    request.useSudo = answered(await confirm({ message, initialValue: true, ...streams }));
  }
  if (questions.sshKey) {
    const path = await askKey();
    if (path !== undefined) request.sshKeyPath = path;
  }
  if (questions.workers) request.workers = await askWorkers();
  const message = `Create the bucket in ${paths.root}?`;
  if (!answered(await confirm({ message, initialValue: true, ...streams }))) throw cancelled();
  outro("", streams);
  return request;
}

/** What is worth asking: an answer that would change nothing is not asked for. */
function openQuestions(paths: BucketPaths, given: InitRequest) {
  const conf = !existsSync(paths.conf);
  const workersFile = join(paths.workspace, "workers.json");
  return {
    conf,
    sshKey: conf && given.sshKeyPath === undefined && !existsSync(join(paths.secrets, defaultConf().sshKey)),
    workers:
      given.workers.length === 0 &&
      (!existsSync(workersFile) || isEmptyList(readRegular(workersFile).toString("utf8"))),
  };
}

async function askUser(): Promise<string> {
  const usual = defaultConf().sshUser;
  const answer = await text({
    message: "User to sign in as on the workers",
    placeholder: usual,
    defaultValue: usual,
    validate: (value) => {
      const verdict = value === undefined || value === "" ? passed : judgeSshUser(value);
      return verdict.pass ? undefined : verdict.hint;
    },
    ...streams,
  });
  return answered(answer);
}

async function askKey(): Promise<string | undefined> {
  const found = usualKeys.map((name) => join(homedir(), ".ssh", name)).find((path) => existsSync(path));
  const absolute = (value: string) => expandHome(value, process.cwd());
  const answer = answered(
    await text({
      message: `SSH private key to copy into secrets/ ("-" for none now)`,
      placeholder: found ?? "-",
      defaultValue: found ?? "-",
      validate: (value) => {
        if (value === undefined || value === "" || value === "-" || existsSync(absolute(value)))
          return undefined;
        return `there is no ${absolute(value)}`;
      },
      ...streams,
    }),
  );
  return answer === "-" ? undefined : absolute(answer);
}

async function askWorkers(): Promise<string[]> {
  const answer = await text({
    message: "Addresses of the workers, with commas or spaces between (none is fine for now)",
    placeholder: "10.0.0.1, 10.0.0.2",
    defaultValue: "",
    validate: (value) => {
      const verdict = judgeWorkers(splitHosts(value ?? ""));
      return verdict.pass ? undefined : `${verdict.reason}: ${verdict.hint}`;
    },
    ...streams,
  });
  return splitHosts(answered(answer));
}

function splitHosts(value: string): string[] {
  return value.split(/[\s,]+/).filter((host) => host !== "");
}

function answered<T>(answer: T | typeof CANCEL_SYMBOL): T {
  if (isCancel(answer)) throw cancelled();
  return answer;
}

function cancelled(): MaandError {
  return new MaandError("interrupted", "init was cancelled, nothing was written", {
    hint: "run maand init again, or maand init --yes to take the defaults",
  });
}
