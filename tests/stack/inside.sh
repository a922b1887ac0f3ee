#!/usr/bin/env bash
# Runs a command where the stack's own authority is trusted beside the system's: in a private mount namespace, by a bind mount
# over the bundle. The machine's store is never touched, and nothing outside sees it.
#   usage: inside.sh BUNDLE COMMAND…
set -euo pipefail
bundle="$1"
shift
store=/etc/ssl/certs/ca-certificates.crt
[ -e "$store" ] || { echo "error: no $store (package ca-certificates)" >&2; exit 1; }
user=()
[ "$(id -u)" -eq 0 ] || user=(--map-root-user)
exec unshare "${user[@]}" --mount --propagation private -- \
  bash -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' inside "$bundle" "$store" "$@"
