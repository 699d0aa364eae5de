// The lifecycles that `job create` can write: Makefiles with every target, and the files that they need.

/** How a job's process is kept running on its workers. */
export const runtimes = ["compose", "systemd", "process"] as const;
export type Runtime = (typeof runtimes)[number];

export interface ScaffoldFile {
  path: string;
  content: string;
  mode?: number;
}

/** Makefile and helpers of a runtime; a skeleton whose targets only say what they would do when there is none. */
export function lifecycleFiles(job: string, runtime: Runtime | undefined): ScaffoldFile[] {
  switch (runtime) {
    case undefined:
      return [{ path: "Makefile", content: skeletonMakefile(job) }];
    case "compose":
      return [
        { path: "Makefile", content: composeMakefile(job) },
        { path: "docker-compose.yml", content: composeFile },
      ];
    case "systemd":
      return [
        { path: "Makefile", content: systemdMakefile(job) },
        { path: "service.unit", content: unitFile(job) },
        { path: "run.sh", content: programFile, mode: 0o755 },
      ];
    case "process":
      return [
        { path: "Makefile", content: processMakefile(job) },
        { path: "service.sh", content: serviceScript(job), mode: 0o755 },
        { path: "run.sh", content: programFile, mode: 0o755 },
      ];
  }
}

const contract = `# maand runs these targets on each worker: start after the first deploy, restart or reload when something changed,
# stop when the job is removed or disabled, status for "maand job status". CURRENT_VERSION, NEW_VERSION, JOB,
# ALLOCATION_IP and BUCKET_ID are set. A target that fails makes the deploy of this worker fail.`;

function skeletonMakefile(job: string): string {
  return `# Lifecycle of ${job}.
${contract}
# A process that stays in the background must redirect its output: ./server >logs/server.log 2>&1 &
.PHONY: start stop restart reload status

start:
	@echo "start: put the command that starts ${job} here"

stop:
	@echo "stop: put the command that stops ${job} here; stopping twice must not fail"

restart: stop start

reload: restart

status:
	@echo "status: put a command here that fails when ${job} does not run"
`;
}

function composeMakefile(job: string): string {
  return `# Lifecycle of ${job}: containers of docker-compose.yml.
${contract}
COMPOSE := docker compose -p ${job} -f docker-compose.yml

.PHONY: start stop restart reload status

start:
	$(COMPOSE) up -d --remove-orphans

stop:
	$(COMPOSE) down

restart:
	$(COMPOSE) down
	$(COMPOSE) up -d --remove-orphans

reload:
	$(COMPOSE) up -d --remove-orphans

status:
	@$(COMPOSE) ps
	@test -n "$$($(COMPOSE) ps -q --status running)" || { echo "no container runs"; exit 1; }
`;
}

const composeFile = `services:
  app:
    image: nginx:alpine
    restart: unless-stopped
    # data/ stays on the worker, whatever is deployed.
    volumes:
      - ./data:/data
`;

function systemdMakefile(job: string): string {
  return `# Lifecycle of ${job}: a systemd service, made from service.unit.
${contract}
UNIT := ${job}.service
INSTALLED := /etc/systemd/system/$(UNIT)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -n)

.PHONY: start stop restart reload status install

# The unit names this directory, which is another one on every bucket.
install:
	@mkdir -p data logs
	@sed 's|@DIR@|$(CURDIR)|g' service.unit | $(SUDO) tee $(INSTALLED) >/dev/null
	$(SUDO) systemctl daemon-reload

start: install
	$(SUDO) systemctl enable --now $(UNIT)

stop:
	@if [ -e $(INSTALLED) ]; then \\
		$(SUDO) systemctl disable --now $(UNIT) && $(SUDO) rm -f $(INSTALLED) && $(SUDO) systemctl daemon-reload; \\
	else echo "$(UNIT) is not installed"; fi

restart: install
	$(SUDO) systemctl enable $(UNIT)
	$(SUDO) systemctl restart $(UNIT)

reload: install
	$(SUDO) systemctl reload-or-restart $(UNIT)

status:
	@systemctl --no-pager --lines=5 status $(UNIT)
`;
}

function unitFile(job: string): string {
  return `[Unit]
Description=${job}, deployed by maand
After=network-online.target
Wants=network-online.target

[Service]
WorkingDirectory=@DIR@
ExecStart=@DIR@/run.sh
Restart=on-failure
# Without a user the service runs as root.
#User=nobody

[Install]
WantedBy=multi-user.target
`;
}

function processMakefile(job: string): string {
  return `# Lifecycle of ${job}: one background process, kept by service.sh.
${contract}
.PHONY: start stop restart reload status

start stop restart reload status:
	@bash ./service.sh $@
`;
}

/** Replace it: a program that stays in the foreground and ends on TERM. */
const programFile = `#!/bin/sh
# The program itself: put yours here. It must stay in the foreground and end when it gets a TERM signal.
trap 'echo "stopping"; exit 0' TERM
echo "running version \${NEW_VERSION:-unknown}"
while :; do
  sleep 1 &
  wait $!
done
`;

function serviceScript(job: string): string {
  return `#!/usr/bin/env bash
# Keeps one background process: service.sh start|stop|restart|reload|status
set -u
cd "$(dirname "\${BASH_SOURCE[0]}")" || exit 1

name=${job}
command=(./run.sh)  # must stay in the foreground
stop_seconds=20     # how long it may take to end before it is killed
settle_seconds=1    # how long it must run to count as started
pid_file=data/$name.pid
log_file=logs/$name.log

# The state letter and the start time of process $1; nothing when there is none. The start time tells our process from
# a later one that was given the same number.
process_stat() {
  local stat fields
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
  read -r -a fields <<< "\${stat##*) }"
  echo "\${fields[0]} \${fields[19]}"
}

running() {
  local since now
  pid=
  { read -r pid since < "$pid_file"; } 2> /dev/null || return 1
  now=$(process_stat "$pid") || return 1
  [[ \${now%% *} != [ZX] && \${now##* } == "$since" ]]
}

start() {
  if running; then
    echo "$name runs already (pid $pid)"
    return 0
  fi
  mkdir -p data logs
  # A session of its own: it outlives this script and is killed as a whole.
  setsid "\${command[@]}" < /dev/null >> "$log_file" 2>&1 &
  pid=$!
  local stat
  stat=$(process_stat "$pid") && echo "$pid \${stat##* }" > "$pid_file"
  sleep "$settle_seconds"
  if running; then
    echo "$name started (pid $pid)"
    return 0
  fi
  rm -f "$pid_file"
  echo "$name ended within $settle_seconds s; the end of $log_file:" >&2
  tail -n 20 "$log_file" >&2
  return 1
}

# True once it has ended, false when that takes longer than $1 tenths of a second.
ended_within() {
  local tenths
  for ((tenths = $1; tenths > 0; tenths--)); do
    running || return 0
    sleep 0.1
  done
  ! running
}

stop() {
  if ! running; then
    rm -f "$pid_file"
    echo "$name does not run"
    return 0
  fi
  local group=$pid
  kill -TERM "$group" 2> /dev/null
  if ! ended_within $((stop_seconds * 10)); then
    echo "$name did not end within $stop_seconds s and is killed" >&2
    kill -KILL -- "-$group" 2> /dev/null
    if ! ended_within 50; then
      echo "$name cannot be killed (pid $group)" >&2
      return 1
    fi
  fi
  # What it may have left behind in its session.
  kill -KILL -- "-$group" 2> /dev/null
  rm -f "$pid_file"
  echo "$name stopped"
}

status() {
  if running; then
    echo "$name runs (pid $pid)"
    return 0
  fi
  echo "$name does not run"
  return 3
}

case \${1:-} in
  start) start ;;
  stop) stop ;;
  restart) stop && start ;;
  reload) stop && start ;;  # a program that rereads its files on HUP: running && kill -HUP "$pid"
  status) status ;;
  *) echo "usage: service.sh start|stop|restart|reload|status" >&2; exit 2 ;;
esac
`;
}
