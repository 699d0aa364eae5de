#!/usr/bin/env bash
# Keeps one background process: service.sh start|stop|restart|reload|status
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

name=%JOB%
command=(./run.sh)  # must stay in the foreground
stop_seconds=20     # how long it may take to end before it is killed
settle_seconds=1    # how long it must run to count as started
pid_file=data/$name.pid
log_file=logs/$name.log

version=${NEW_VERSION:-unknown}

# The state letter and the start time of process $1; nothing when there is none. The start time tells our process from
# a later one that was given the same number.
process_stat() {
  local stat fields
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
  read -r -a fields <<< "${stat##*) }"
  echo "${fields[0]} ${fields[19]}"
}

# Whether it runs: then pid is its process, and ran the version that was started.
running() {
  local since now
  pid=
  { read -r pid since ran < "$pid_file"; } 2> /dev/null || return 1
  now=$(process_stat "$pid") || return 1
  [[ ${now%% *} != [ZX] && ${now##* } == "$since" ]]
}

start() {
  if running; then
    if [[ $ran == "$version" || -z ${NEW_VERSION:-} ]]; then
      echo "$name $ran runs already (pid $pid)"
      return 0
    fi
    # A start that leaves another version running would pass for one that has succeeded.
    echo "$name runs in version $ran (pid $pid) and is replaced by $version"
    stop || return 1
  fi
  mkdir -p data logs
  # A session of its own: it outlives this script and is killed as a whole.
  setsid "${command[@]}" < /dev/null >> "$log_file" 2>&1 &
  pid=$!
  local stat
  stat=$(process_stat "$pid") && echo "$pid ${stat##* } $version" > "$pid_file"
  sleep "$settle_seconds"
  if running; then
    echo "$name $version started (pid $pid)"
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

case ${1:-} in
  start) start ;;
  stop) stop ;;
  restart) stop && start ;;
  reload) stop && start ;;  # a program that rereads its files on HUP: running && kill -HUP "$pid"
  status) status ;;
  *) echo "usage: service.sh start|stop|restart|reload|status" >&2; exit 2 ;;
esac
