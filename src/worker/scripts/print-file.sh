# shellcheck shell=sh
# Prints a file, nothing when it cannot be read: print-file.sh FILE
cat "$1" 2>/dev/null || true
