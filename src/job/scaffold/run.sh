#!/bin/sh
# The program itself: put yours here. It must stay in the foreground and end when it gets a TERM signal.
trap 'echo "stopping"; exit 0' TERM
echo "running version ${NEW_VERSION:-unknown}"
while :; do
  sleep 1 &
  wait $!
done
