# shellcheck shell=sh
# Runs a Python program on a directory: inventory.sh DIRECTORY PROGRAM
exec python3 -I -S -c "$2" "$1"
