#!/usr/bin/env bash
# Runs the suites against the running stack, all of them even when one fails, and stops the stack. Without SUITE all of them, in two lanes: the second has a
# stack of its own, since suites stop servers and change what passes, and its output comes after the first's.
#   usage: FEATURES=… run.sh PROGRAMS [SUITE…]      (features as the programs were built with)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
programs="$1"
shift
stack() { /usr/bin/python3 "$here/stack.py" "$@"; }

conformance() {
  cargo test --quiet --workspace --features "$FEATURES" --test platforms -- --exact conformance::conformance --nocapture
}

# Each of these suites on the stack in this run folder, which is stopped then.
lane() { # lane RUN-FOLDER SUITE…
  export WAYLEAVE_STACK_RUN="$1"
  shift
  trap 'stack down' EXIT
  local run failed=0
  stack up "$programs" || return 1
  run="$(stack where)"
  for suite in "$@"; do
    echo "--- stack-$suite"
    if [ "$suite" = conformance ]; then
      # Outside: it trusts the stack's authority by a file of the connection's own, as the program lets a user do.
      WAYLEAVE_STACK="$run/stack.json" conformance || failed=1
      continue
    fi
    "$here/inside.sh" "$run/tls/bundle.pem" /usr/bin/python3 "$here/suite_$suite.py" "$programs" || failed=1
  done
  return "$failed"
}

if [ "$#" -gt 0 ]; then
  (lane run "$@")
  exit
fi
second="$(mktemp)"
trap 'rm -f "$second"' EXIT
(lane run-2 portal sts journey conformance) >"$second" 2>&1 &
beside=$!
failed=0
(lane run oidc second canary) || failed=1
wait "$beside" || failed=1
cat "$second"
exit "$failed"
