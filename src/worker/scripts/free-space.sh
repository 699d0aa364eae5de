# shellcheck shell=sh
# Follows check.sh where files will be sent: the free space in KiB.
# shellcheck disable=SC2154 # check.sh sets dir
free=$(df -Pk "$dir" 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "$free"; })
echo "maand-check free $free"
