# shellcheck shell=sh
# Follows check.sh: writes worker.json ($3), and jobs.json ($4) when it differs.
refresh() {
  # shellcheck disable=SC2154 # check.sh sets dir
  put "$1" "$dir/worker.json" || return
  # shellcheck disable=SC2015 # whichever of them fails, the file is written
  [ -r "$dir/jobs.json" ] && IFS= read -r old < "$dir/jobs.json" && [ "$old" = "$2" ] || put "$2" "$dir/jobs.json"
}
if problem=$( { refresh "$3" "$4"; } 2>&1 ); then echo "maand-check refreshed"; else echo "maand-check unwritable $problem"; fi
