#!/usr/bin/env bash
# Runs a command with cargo's target folder beside the other caches, outside the checkout: what other projects wrote is compiled once for all checkouts.
# What is ours is always compiled anew: cargo takes what is newer than a source for fresh, and the folder may hold another checkout's.
#   usage: kept.sh COMMAND…
set -euo pipefail
kept="${XDG_CACHE_HOME:-$HOME/.cache}/wayleave/cargo"
most=20000 # MiB; versions that no lock file names any more add up
taken=75

alone() {
  if [ -d "$kept/target" ] && [ "$(du -sm "$kept/target" | cut -f1)" -gt "$most" ]; then rm -rf "$kept/target"; fi
  export CARGO_TARGET_DIR="$kept/target"
  # Kept between edits of one checkout, and this one is never edited.
  export CARGO_INCREMENTAL=0
  cargo clean --quiet --workspace
  exec "$@"
}

if [ "${1:-}" = --alone ]; then
  shift
  alone "$@"
fi
mkdir -p "$kept"
status=0
flock --nonblock --close --conflict-exit-code "$taken" "$kept/lock" "${BASH_SOURCE[0]}" --alone "$@" || status=$?
if [ "$status" -eq "$taken" ]; then
  echo "Another run uses $kept: this one compiles everything into its own target folder."
  exec "$@"
fi
exit "$status"
