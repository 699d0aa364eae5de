# shellcheck shell=sh
# Becomes a command where a file exists, and succeeds where it does not: if-present.sh FILE COMMAND...
[ -e "$1" ] || exit 0
shift
exec "$@"
