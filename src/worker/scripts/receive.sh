# shellcheck shell=sh
# Runs the receiving side of a sync and marks each job that is whole afterwards: receive.sh DIRECTORY "JOB=MARK ..." COMMAND...
dir=$1 marks=$2
shift 2
[ -d "$dir" ] || mkdir -p -- "$dir" || exit
# From here on none of them is known to be whole.
for pair in $marks; do
  old=$dir/jobs/${pair%=*}/.maand-synced
  if [ -e "$old" ] || [ -L "$old" ]; then rm -f -- "$old" || exit; fi
done
"$@" || exit
umask 022
set -C
for pair in $marks; do
  printf '%s\n' "${pair#*=}" > "$dir/jobs/${pair%=*}/.maand-synced" || exit
done
