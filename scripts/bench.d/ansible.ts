// Ansible on the same work, where it is installed: synchronize and make, forks 50, pipelining.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fleet } from "../../tests/support/fleet.ts";
import { runProcess } from "../../tests/support/process.ts";

export interface Ansible {
  /** Plays synchronize and, where something changed, `make start`. */
  deploy(): Promise<void>;
  end(): void;
}

/** Undefined where there is no ansible-playbook with the synchronize module. */
export async function makeAnsible(fleet: Fleet, directory: string): Promise<Ansible | undefined> {
  const found = await runProcess([
    "bash",
    "-c",
    "ansible-doc -t module ansible.posix.synchronize >/dev/null 2>&1",
  ]);
  if (found.code !== 0) return undefined;
  const dir = mkdtempSync(join(tmpdir(), "maand-ansible-"));
  const ssh = `-o UserKnownHostsFile=${fleet.knownHostsPath} -o KexAlgorithms=curve25519-sha256 -o ControlMaster=auto -o ControlPersist=60`;
  writeFileSync(
    join(dir, "hosts.ini"),
    `[all]\n${fleet.ips.map((ip) => `${ip} ansible_user=agent ansible_ssh_private_key_file=${fleet.keyPath} ansible_python_interpreter=/usr/bin/python3`).join("\n")}\n`,
  );
  writeFileSync(
    join(dir, "ansible.cfg"),
    `[defaults]\nforks=50\n[ssh_connection]\npipelining=True\nssh_args=${ssh}\n`,
  );
  writeFileSync(
    join(dir, "play.yml"),
    `- hosts: all
  gather_facts: false
  become: true
  tasks:
    - ansible.posix.synchronize: { src: ${directory}, dest: /opt/worker/ansible/, delete: true, rsync_opts: ["--mkpath"] }
      register: files
    - command: make -s -C /opt/worker/ansible/app start
      when: files.changed
`,
  );
  return {
    async deploy() {
      const { code, stdout, stderr } = await runProcess(["ansible-playbook", "-i", "hosts.ini", "play.yml"], {
        cwd: dir,
        timeoutSeconds: 600,
      });
      if (code !== 0) throw new Error(`ansible failed: ${stdout}${stderr}`);
    },
    end: () => rmSync(dir, { recursive: true, force: true }),
  };
}
