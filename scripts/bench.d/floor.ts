// The floor: the same work with ssh (one shared connection per worker), rsync over it, and make; 16 workers at a time.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fleet } from "../../tests/support/fleet.ts";
import { runProcess } from "../../tests/support/process.ts";

export interface Floor {
  /** ssh, mkdir, rsync of a directory and `make start`, on every worker. */
  deploy(directory: string): Promise<void>;
  /** `ssh worker true`, cold, on every worker. */
  sshTrue(): Promise<void>;
  end(): void;
}

/** Scripts for these workers; curve25519 as maand uses it, because the default key exchange costs the client far more. */
export function makeFloor(fleet: Fleet): Floor {
  const dir = mkdtempSync(join(tmpdir(), "maand-floor-"));
  const options = `-i ${fleet.keyPath} -o UserKnownHostsFile=${fleet.knownHostsPath} -o KexAlgorithms=curve25519-sha256 -o BatchMode=yes`;
  const write = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, `#!/bin/bash\n${text}`, { mode: 0o755 });
    return path;
  };
  const deployOne = write(
    "deploy",
    `o="${options} -o ControlPath=${dir}/%h.sock"
ssh $o -o ControlMaster=yes -o ControlPersist=60 agent@$1 'sudo -n mkdir -p /opt/worker/floor' </dev/null
rsync -a --delete -e "ssh $o" --rsync-path='sudo -n rsync' "$2" agent@$1:/opt/worker/floor/
ssh $o agent@$1 "sudo -n make -s -C /opt/worker/floor/$(basename "$2") start" </dev/null
ssh $o -O exit agent@$1 2>/dev/null
`,
  );
  const trueOne = write("true", `exec ssh ${options} agent@$1 true </dev/null\n`);
  const onAll = async (script: string, ...args: string[]): Promise<void> => {
    const { code, stderr } = await runProcess(["xargs", "-P16", "-I{}", script, "{}", ...args], {
      stdin: `${fleet.ips.join("\n")}\n`,
    });
    if (code !== 0) throw new Error(`the floor failed: ${stderr}`);
  };
  return {
    deploy: (directory) => onAll(deployOne, directory),
    sshTrue: () => onAll(trueOne),
    end: () => rmSync(dir, { recursive: true, force: true }),
  };
}
