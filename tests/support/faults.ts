// What can go wrong with a worker, each fault with its undo. All of it stays inside the worker or on its own link.

import { type Outcome, runProcess } from "./process.ts";

/** Each function returns once the worker really is in that state, and throws when it cannot be brought there. */
export interface Faults {
  /** Ends sshd and every session of it at once; what the sessions had started lives on. */
  killSshd(i: number): Promise<void>;
  startSshd(i: number): Promise<void>;
  /** Stops sshd and its sessions with SIGSTOP: connections are accepted by the kernel and then hang. */
  pauseSshd(i: number): Promise<void>;
  resumeSshd(i: number): Promise<void>;
  /** Unplugs the worker: new connections get "no route to host" after some seconds, old ones hang. */
  linkDown(i: number): Promise<void>;
  linkUp(i: number): Promise<void>;
  /** Every packet from and to the worker is lost without a word. */
  dropTraffic(i: number): Promise<void>;
  restoreTraffic(i: number): Promise<void>;
  /** So many of 100 packets are lost, in both directions each. */
  losePackets(i: number, percent: number): Promise<void>;
  loseNone(i: number): Promise<void>;
  /** Gives sshd another host key, as after a reinstallation or with an impostor. */
  newHostKey(i: number): Promise<void>;
  oldHostKey(i: number): Promise<void>;
  /** A line of sshd_config(5), such as `MaxSessions 1`, for connections from now on; several calls add up, the first of a keyword wins. */
  sshdOption(i: number, line: string): Promise<void>;
  /** Takes back every `sshdOption`. */
  resetSshd(i: number): Promise<void>;
  /** Gives `agent` another login shell, such as /usr/bin/fish; /bin/bash undoes it. */
  loginShell(i: number, path: string): Promise<void>;
  /** Puts a start-up file into the home directory of `agent`; "" takes it away. */
  loginFile(i: number, name: string, text: string): Promise<void>;
  /** As many further addresses of the fleet's own subnet, at which nobody answers: packets to this worker are dropped. */
  deadAddresses(i: number, count: number): Promise<string[]>;
  noDeadAddresses(i: number): Promise<void>;
  /** Leaves so many MB free below /opt/worker. */
  fullDisk(i: number, megabytes: number): Promise<void>;
  freeDisk(i: number): Promise<void>;
  /** Makes /opt/worker read-only for every file opened from now on. */
  readOnly(i: number): Promise<void>;
  writable(i: number): Promise<void>;
  /** Sets the worker up anew as far as maand can tell: nothing is left below /opt/worker, and nothing of it runs. */
  reinstall(i: number): Promise<void>;
  /** The two workers exchange their IPv4 addresses; a second call brings them back. */
  swapAddresses(i: number, j: number): Promise<void>;
  /** Takes a program away for everybody, sudo included. Without bash, `agent` gets /bin/sh as its login shell. */
  hideTool(i: number, tool: string): Promise<void>;
  showTool(i: number, tool: string): Promise<void>;
  /** `sudo -n` asks for a password. */
  breakSudo(i: number): Promise<void>;
  mendSudo(i: number): Promise<void>;
  /** Limits the link to so many kbit/s, in each direction. */
  bandwidth(i: number, kbit: number): Promise<void>;
  unlimited(i: number): Promise<void>;
}

export interface FaultTargets {
  exec(i: number, command: string): Promise<Outcome>;
  /** The host's interface to the whole fleet, and its end of one worker's link. */
  bridge: string;
  link(i: number): string;
  ip(i: number): string;
}

// The listener comes first, so that it makes no new session while the others are dealt with. Newer OpenSSH runs
// sessions under names of their own.
const everySshd = `every_sshd() {
  if [ -s /run/sshd.pid ]; then cat /run/sshd.pid; fi
  for comm in /proc/[0-9]*/comm; do
    { read -r name < "$comm"; } 2>/dev/null || continue
    case $name in sshd | sshd-session | sshd-auth) pid=\${comm#/proc/}; echo "\${pid%/comm}" ;; esac
  done
}`;

const waitUntil = `wait_until() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || { echo "gave up waiting until: $*" >&2; exit 1; }
    sleep 0.02
  done
}`;

// sshd writes its pid file once it listens again, so without an old file nothing has to be guessed.
const reload = `/usr/sbin/sshd -t -f /etc/ssh/worker_sshd_config || exit
${waitUntil}
pid=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP "$pid"
wait_until test -s /run/sshd.pid`;

const options = "/etc/ssh/worker_sshd_options";

/** The faults of one fleet. */
export function faultsOf(fleet: FaultTargets): Faults {
  const inside = async (i: number, commands: string) => {
    const outcome = await fleet.exec(i, commands);
    if (outcome.code !== 0)
      throw new Error(`worker ${i} could not be changed: ${outcome.stderr}${outcome.stdout}\n${commands}`);
  };
  const onHost = async (...argv: string[]) => {
    const outcome = await runProcess(argv);
    if (outcome.code !== 0) throw new Error(`${argv.join(" ")} failed: ${outcome.stderr}`);
  };
  /** An entry that ends by itself between the list and its removal makes the flush fail: then it is asked again. */
  const forgetNeighbours = async () => {
    for (let left = 5; ; left--) {
      try {
        return await onHost("ip", "neigh", "flush", "dev", fleet.bridge);
      } catch (thrown) {
        if (left === 0) throw thrown;
        await Bun.sleep(100);
      }
    }
  };
  const signalSshd = (i: number, signal: string) =>
    inside(i, `${everySshd}\nfor pid in $(every_sshd); do kill -${signal} "$pid" 2>/dev/null || :; done`);
  const filter = (i: number, verdict: string) =>
    inside(
      i,
      `nft -f - <<'RULES'
table inet fault {
  chain from_worker { type filter hook output priority -300; oifname "lo" accept; ${verdict}; }
  chain to_worker { type filter hook input priority -300; iifname "lo" accept; ${verdict}; }
}
RULES`,
    );
  const unfilter = (i: number) => inside(i, "nft delete table inet fault");

  return {
    killSshd: (i) =>
      inside(
        i,
        `${everySshd}\n${waitUntil}
none_left() { for pid in $(every_sshd); do kill -KILL "$pid" 2>/dev/null || :; done; rm -f /run/sshd.pid; [ -z "$(every_sshd)" ]; }
wait_until none_left`,
      ),
    startSshd: (i) => inside(i, "sh /etc/ssh/worker_start_sshd"),
    pauseSshd: (i) => signalSshd(i, "STOP"),
    resumeSshd: (i) => signalSshd(i, "CONT"),

    linkDown: (i) => onHost("ip", "link", "set", fleet.link(i), "down"),
    async linkUp(i) {
      await onHost("ip", "link", "set", fleet.link(i), "up");
      // Both sides remember for a while that the other did not answer.
      await forgetNeighbours();
      await inside(i, "ip neigh flush dev eth0");
    },
    dropTraffic: (i) => filter(i, "drop"),
    restoreTraffic: unfilter,
    losePackets: (i, percent) => filter(i, `numgen random mod 100 < ${percent} drop`),
    loseNone: unfilter,

    newHostKey: (i) =>
      inside(
        i,
        `cd /etc/ssh && mkdir kept && mv hostkey hostkey.pub kept/ && ssh-keygen -q -t ed25519 -N '' -f hostkey || exit\n${reload}`,
      ),
    oldHostKey: (i) => inside(i, `cd /etc/ssh && mv kept/* . && rmdir kept || exit\n${reload}`),
    sshdOption: (i, line) => inside(i, `cat >> ${options} <<'LINE'\n${line}\nLINE\n${reload}`),
    resetSshd: (i) => inside(i, `: > ${options}\n${reload}`),

    // usermod would refuse while `agent` has processes.
    loginShell: (i, path) =>
      inside(i, `[ -x ${path} ] && sed -i 's|^\\(agent:.*\\):[^:]*$|\\1:${path}|' /etc/passwd`),
    loginFile: (i, name, text) =>
      inside(
        i,
        text === "" ? `rm -f /home/agent/${name}` : `cat > /home/agent/${name} <<'TEXT'\n${text}\nTEXT`,
      ),
    async deadAddresses(i, count) {
      const net = fleet.ip(i).replace(/\.\d+$/, "");
      const addresses = Array.from({ length: count }, (_, n) => `${net}.${250 - n}`);
      await filter(i, "drop");
      await inside(i, addresses.map((address) => `ip addr add ${address}/24 dev eth0`).join(" && "));
      return addresses;
    },
    async noDeadAddresses(i) {
      await unfilter(i);
      const own = `${fleet.ip(i)}/24`;
      await inside(
        i,
        `ip -4 -o addr show dev eth0 | while read -r _ _ _ at _; do [ "$at" = ${own} ] || ip addr del "$at" dev eth0; done`,
      );
    },

    fullDisk: (i, megabytes) =>
      inside(
        i,
        `used=$(df -k --output=used /opt/worker | tail -n 1)
mount -n -o remount,size=$((used + ${Math.max(4, Math.round(megabytes * 1024))}))k /opt/worker`,
      ),
    freeDisk: (i) => inside(i, "mount -n -o remount,size=1g /opt/worker"),
    readOnly: (i) =>
      inside(i, "mount -n --bind /opt/worker /opt/worker && mount -n -o remount,bind,ro /opt/worker"),
    // Lazily: a process of a job may stand in the directory.
    writable: (i) => inside(i, "grep -q ' /opt/worker ro,' /proc/self/mountinfo && umount -n -l /opt/worker"),

    reinstall: (i) => inside(i, "cd /opt/worker && rm -rf -- ./* ./.[!.]*"),
    async swapAddresses(i, j) {
      const own = async (k: number) => {
        const shown = await fleet.exec(k, "ip -4 -o addr show dev eth0");
        return / inet ([0-9./]+) /.exec(shown.stdout)![1]!;
      };
      const [ofI, ofJ] = [await own(i), await own(j)];
      // Both go before either comes: an address is never there twice.
      await inside(i, `ip addr del ${ofI} dev eth0`);
      await inside(j, `ip addr del ${ofJ} dev eth0`);
      await inside(i, `ip addr add ${ofJ} dev eth0`);
      await inside(j, `ip addr add ${ofI} dev eth0`);
      await onHost("ip", "neigh", "flush", "dev", fleet.bridge);
    },

    hideTool: async (i, tool) => inside(i, hideScript(tool)),
    showTool: async (i, tool) => inside(i, showScript(tool)),
    breakSudo: (i) => inside(i, "mv /etc/sudoers.d/agent /etc/sudoers-of-agent"),
    mendSudo: (i) => inside(i, "mv /etc/sudoers-of-agent /etc/sudoers.d/agent"),

    async bandwidth(i, kbit) {
      // The bucket holds a few full frames; waiting packets are dropped after 400 ms, as a real router would.
      const limit = ["root", "tbf", "rate", `${kbit}kbit`, "burst", "16kb", "latency", "400ms"];
      await onHost("tc", "qdisc", "replace", "dev", fleet.link(i), ...limit);
      await inside(i, `tc qdisc replace dev eth0 ${limit.join(" ")}`);
    },
    async unlimited(i) {
      await onHost("tc", "qdisc", "del", "dev", fleet.link(i), "root");
      await inside(i, "tc qdisc del dev eth0 root");
    },
  };
}

function checkTool(tool: string): string {
  // The faults themselves need a shell; everything else may go.
  if (!/^[A-Za-z0-9._-]+$/.test(tool) || tool === "sh") throw new Error(`hideTool cannot hide "${tool}"`);
  return tool;
}

/** Moves the program out of every directory that sudo or a login shell searches; the worker's root is its own. */
function hideScript(tool: string): string {
  const shell = tool === "bash" ? "sed -i 's|^\\(agent:.*\\):/bin/bash$|\\1:/bin/sh|' /etc/passwd" : ":";
  return `tool=${checkTool(tool)}
command -v "$tool" > /dev/null || { echo "$tool is not there" >&2; exit 1; }
${shell}
for dir in $(echo "$PATH" | tr : ' ') /usr/games; do
  dir=$(readlink -f "$dir") || continue
  [ -e "$dir/$tool" ] || continue
  mkdir -p "/var/hidden/$tool/$dir" && mv "$dir/$tool" "/var/hidden/$tool/$dir/" || exit
done
hash -r
! command -v "$tool"`;
}

function showScript(tool: string): string {
  const shell = tool === "bash" ? "sed -i 's|^\\(agent:.*\\):/bin/sh$|\\1:/bin/bash|' /etc/passwd" : ":";
  return `tool=${checkTool(tool)}
cd "/var/hidden/$tool" || exit
for kept in $(find . ! -type d); do mv "$kept" "/$kept" || exit; done
rm -rf "/var/hidden/$tool"
${shell}
command -v "$tool" > /dev/null`;
}
