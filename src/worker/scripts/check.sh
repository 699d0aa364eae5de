# shellcheck shell=sh
# What a worker lacks and what it says of itself: check.sh DIRECTORY MARK RUNNER JOBS_JSON
#
# Every process that this starts is paid for on each worker at each deploy: what the shell can do itself, it does.
# free-space.sh may follow in the same shell, and then go-on.sh, which waits for the word to write anything.
# shellcheck disable=SC2034 # go-on.sh uses runner and jobs_json
dir=$1 mark=$2 runner=$3 jobs_json=$4
for tool in bash make python3 rsync timeout; do
  command -v "$tool" >/dev/null 2>&1 || echo "maand-check missing $tool"
done
umask 022
# With -C the shell only makes files that did not exist: none that somebody has put in their place.
set -C
foreign=
refuse() { echo "maand-check foreign $1: $(ls -ld -- "$2" 2>&1)"; foreign=1; }
for path in "$dir" "$dir/bin" "$dir/jobs"; do
  if [ -L "$path" ]; then refuse "a link stands where a directory of maand has to be" "$path"
  elif [ -d "$path" ]; then [ -O "$path" ] || refuse "the directory belongs to another user" "$path"
  elif [ -e "$path" ]; then refuse "no directory" "$path"
  fi
done
for path in "$dir/worker.json" "$dir/jobs.json" "$dir/bin/runner.py"; do
  [ ! -d "$path" ] || refuse "a directory stands where a file of maand has to be" "$path"
done
for path in "$dir"/jobs/*; do
  [ ! -L "$path" ] || [ -d "$path" ] || refuse "the link leads to no directory" "$path"
done
if [ -n "$foreign" ]; then echo "maand-check done"; exit 0; fi
# Whoever sees the mark of another check of this run is the same machine under another address.
leave_mark() { [ -d "$dir" ] || mkdir -p -- "$dir" || return; : > "$dir/$mark"; }
if ! problem=$( { leave_mark; } 2>&1 ); then echo "maand-check unwritable $problem"; fi
for path in "$dir/${mark%-*}"-*; do
  echo "maand-check mark ${path##*-}"
done
if [ -f "$dir/worker.json" ] && [ ! -L "$dir/worker.json" ]; then
  said=
  while IFS= read -r line || [ -n "$line" ]; do said="$said$line"; done < "$dir/worker.json"
  printf 'maand-check says %s\n' "$said"
fi
# Per job: the mark of the last complete sync, - where one has only begun, ! where nothing visible was deployed, @ where it
# is a link: there hidden files count as well, for nobody but its owner knows what they are.
there=
for path in "$dir"/jobs/*; do
  [ -d "$path" ] || continue
  synced='' bare=! link=''
  if [ -f "$path/.maand-synced" ]; then IFS= read -r synced < "$path/.maand-synced" || synced=-; fi
  for entry in "$path"/*; do
    case ${entry##*/} in data|logs|bin|'*') ;; *) bare=; break ;; esac
  done
  if [ -L "$path" ]; then
    link=@
    for entry in "$path"/.[!.]*; do
      case ${entry##*/} in .maand-synced|'.[!.]*') ;; *) bare=; break ;; esac
    done
  fi
  there="$there ${path##*/}=$synced$bare$link"
done
printf 'maand-check jobs%s\n' "$there"
