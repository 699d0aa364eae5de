# shellcheck shell=sh
# Says what a file of a job is: file-probe.sh JOB_DIRECTORY PATH [TEXT MOST_BYTES]
#
# With TEXT it also says whether that occurs in a file of at most MOST_BYTES. It prints nothing of what the file holds.
# What was opened is judged, never a name, so that a link that is put in its place in between changes nothing.
export LC_ALL=C
say() { echo "maand-file $*"; }
# The file is open as 3.
look() {
  self=/proc/self/fd/3
  case $(readlink "$self") in
    "$root" | "$root"/*) ;;
    *) say outside; return ;;
  esac
  if [ -d "$self" ]; then say directory; return; fi
  if [ ! -f "$self" ]; then say special; return; fi
  facts=$(stat -L -c '%s %.9Y' "$self") || return
  if [ $# -gt 0 ] && [ "${facts% *}" -le "$2" ]; then
    grep -qF -e "$1" <&3 2>/dev/null
    case $? in
      0) say with ;;
      1) say without ;;
      *) say unreadable; return ;;
    esac
  fi
  say "facts $facts $(date +%s.%N)"
}
# Why there is no such name.
explain() {
  if [ -L "$file" ]; then say dangling; return; fi
  parent=${file%/*}
  while [ ! -e "$parent" ] && [ "$parent" != "$root" ]; do parent=${parent%/*}; done
  if [ -d "$parent" ] && [ ! -x "$parent" ]; then say unreadable; else say missing; fi
}
root=$(cd "$1" 2>/dev/null && pwd -P) || { say "no-job"; exit; }
file=$root/$2
shift 2
if [ ! -e "$file" ]; then explain
# Opening a pipe would wait for its other end.
elif [ ! -f "$file" ] && [ ! -d "$file" ]; then say special
else { look "$@" 3<"$file"; } 2>/dev/null || say unreadable
fi
