# shellcheck shell=sh
# Says what a worker lacks and puts the runner in place: check.sh DIRECTORY RUNNER [WORKER_JSON JOBS_JSON]
#
# Every process that this starts is paid for on each worker at each deploy: what the shell can do itself, it does.
# free-space.sh and refresh.sh may follow in the same shell; they use `dir` and `put`.
dir=$1
for tool in bash make python3 rsync timeout; do
  command -v "$tool" >/dev/null 2>&1 || echo "maand-check missing $tool"
done
umask 022
put() { printf '%s\n' "$1" > "$2.new" && mv -f "$2.new" "$2"; }
prepare() {
  [ -d "$dir/bin" ] && [ -d "$dir/jobs" ] || mkdir -p "$dir/bin" "$dir/jobs" || return
  [ -r "$dir/bin/runner.py" ] && [ "$(cat "$dir/bin/runner.py")" = "$1" ] || put "$1" "$dir/bin/runner.py" || return
  # Opening it for writing tells a read-only file system, even where nothing is new.
  : >> "$dir/bin/runner.py"
}
if ! problem=$( { prepare "$2"; } 2>&1 ); then echo "maand-check unwritable $problem"; fi
