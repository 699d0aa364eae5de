# shellcheck shell=bash
# Becomes the user's command, in a directory when that can be entered: run-command.sh DIRECTORY COMMAND
# shellcheck disable=SC2164 # a worker on which nothing was deployed has no such directory; the command runs all the same
cd -- "$1" 2>/dev/null
exec bash -c "$2"
