#!/usr/bin/env bash
# Asks every web worker once a second; the list comes from the label, the port from the pool.
workers="{{ get "maand/worker" "web_workers" }}"
port="{{ get "maand/bucket" "http" }}"
while sleep 1; do
  for worker in ${workers//,/ }; do
    answer=$(timeout 1 python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode().strip())' "http://$worker:$port/" 2>/dev/null)
    printf '%s=%s ' "$worker" "${answer:-no answer}"
  done >data/report.new
  echo >>data/report.new
  cat data/report.new >>data/report.txt
done
