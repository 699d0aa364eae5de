# shellcheck shell=sh
# Runs the receiving side of a sync and marks each job that is whole afterwards: receive.sh DIRECTORY "JOB=MARK ..." COMMAND...
dir=$1 marks=$2
shift 2
[ -d "$dir" ] || mkdir -p -- "$dir" || exit
umask 022
set -C
# From here on none of them is known to be whole, and what is there is maand's.
for pair in $marks; do
  old=$dir/jobs/${pair%=*}/.maand-synced
  if [ -e "$old" ] || [ -L "$old" ]; then rm -f -- "$old" || exit; fi
  if [ -d "$dir/jobs/${pair%=*}" ]; then : > "$old" || exit; fi
done
"$@" || exit
for pair in $marks; do
  new=$dir/jobs/${pair%=*}/.maand-synced
  rm -f -- "$new" || exit
  printf '%s\n' "${pair#*=}" > "$new" || exit
done
