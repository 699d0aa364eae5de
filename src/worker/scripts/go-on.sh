# shellcheck shell=sh
# Follows check.sh: waits for "go" and a line of worker.json, then puts the files of the root in place; anything else leaves
# the worker as it was. The end of the input, such as a lost connection, is no "go".
# shellcheck disable=SC2154 # check.sh sets these
echo "maand-check asked"
word='' identity=''
IFS= read -r word || :
if [ "$word" = go ]; then IFS= read -r identity || word=; fi
if [ "$word" != go ]; then
  rm -f -- "$dir/$mark"
  # Only where the check has made it: it is empty then.
  rmdir -- "$dir" 2>/dev/null
  exit 0
fi
put() { printf '%s\n' "$1" > "$2$mark" && mv -f -- "$2$mark" "$2"; }
go_on() {
  [ -d "$dir/bin" ] && [ -d "$dir/jobs" ] || mkdir -p -- "$dir/bin" "$dir/jobs" || return
  [ ! -L "$dir/bin/runner.py" ] && [ -r "$dir/bin/runner.py" ] && [ "$(cat "$dir/bin/runner.py")" = "$runner" ] ||
    put "$runner" "$dir/bin/runner.py" || return
  if [ -n "$jobs_json" ]; then
    # shellcheck disable=SC2015 # whichever of them fails, the file is written
    [ ! -L "$dir/jobs.json" ] && [ -r "$dir/jobs.json" ] && IFS= read -r old < "$dir/jobs.json" && [ "$old" = "$jobs_json" ] ||
      put "$jobs_json" "$dir/jobs.json" || return
  fi
  # The mark is a file of this check alone, and as good as a fresh one.
  printf '%s\n' "$identity" >| "$dir/$mark" && mv -f -- "$dir/$mark" "$dir/worker.json" || return
  # Left by checks whose worker went down.
  for path in "$dir"/.check-*; do
    [ ! -e "$path" ] || rm -f -- "$path" || return
  done
}
if ! problem=$( { go_on; } 2>&1 ); then echo "maand-check unwritable $problem"; fi
