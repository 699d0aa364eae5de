# shellcheck shell=sh
# Says what a worker is, a line for each fact: facts.sh DIRECTORY TOOL...
#
# It needs a POSIX shell and no more rights than the ssh user has; what cannot be found out is left out.
export LC_ALL=C
say() { [ -n "$2" ] && printf 'maand-fact %s %s\n' "$1" "$2"; }
dir=$1
shift
say hostname "$(uname -n)"
say kernel "$(uname -sr)"
say arch "$(uname -m)"
# shellcheck source=/dev/null
say os "$( (. /etc/os-release && printf '%s' "$PRETTY_NAME") 2>/dev/null)"
say cores "$(grep -c '^processor' /proc/cpuinfo 2>/dev/null)"
say online "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
# Asked further only where /proc/cpuinfo names no MHz, as on ARM.
mhz=$(sed -n 's/^cpu MHz[^:]*: *//p' /proc/cpuinfo 2>/dev/null | sort -rn | head -n 1)
say mhz "$mhz"
if [ -z "$mhz" ]; then
  say lscpu_max "$(lscpu 2>/dev/null | sed -n 's/^CPU max MHz: *//p' | head -n 1)"
  say lscpu_mhz "$(lscpu 2>/dev/null | sed -n 's/^CPU MHz: *//p' | head -n 1)"
  say khz "$(sort -rn /sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq 2>/dev/null | head -n 1)"
fi
say memory_kb "$(sed -n 's/^MemTotal: *\([0-9]*\) kB.*/\1/p' /proc/meminfo 2>/dev/null)"
while [ ! -d "$dir" ] && [ "$dir" != / ] && [ -n "$dir" ]; do dir=${dir%/*}; done
say disk_kb "$(df -Pk "${dir:-/}" 2>/dev/null | { read -r _; read -r _ total _ free _; echo "$total $free"; })"
say uptime "$(cut -d' ' -f1 /proc/uptime 2>/dev/null)"
for tool; do
  command -v "$tool" >/dev/null 2>&1 && say "tool $tool" "$("$tool" --version 2>&1 </dev/null | head -n 1)"
done
echo "maand-fact done"
