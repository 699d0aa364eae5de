# shellcheck shell=sh
# Deletes what was deployed of a job and keeps data/, logs/ and bin/: delete-deployed.sh JOB_DIRECTORY
cd "$1" 2>/dev/null || exit 0
# First, so that a deletion that is cut short leaves nothing that can be started.
rm -f ./Makefile || exit 1
for entry in * .[!.]* ..?*; do
  case $entry in
    data|logs|bin) ;;
    *) rm -rf -- "./$entry" || exit 1 ;;
  esac
done
cd / && rmdir "$1" 2>/dev/null
exit 0
