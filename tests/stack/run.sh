#!/usr/bin/env bash
# Runs the suites against the running stack, all of them even when one fails, and stops the stack.
#   usage: FEATURES=… run.sh PROGRAMS RUN-FOLDER-OF-THE-STACK [SUITE…]      (features as the programs were built with)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
programs="$1" run="$2"
shift 2
[ "$#" -gt 0 ] || set -- oidc second portal sts journey canary conformance
conformance() {
  cargo test --quiet --workspace --features "$FEATURES" --test platforms -- --exact conformance::conformance --nocapture
}
trap '/usr/bin/python3 "$here/stack.py" down' EXIT
failed=0
for suite in "$@"; do
  echo "--- stack-$suite"
  if [ "$suite" = conformance ]; then
    # Outside: it trusts the stack's authority by a file of the connection's own, as the program lets a user do.
    WAYLEAVE_STACK="$run/stack.json" conformance || failed=1
    continue
  fi
  "$here/inside.sh" "$run/tls/bundle.pem" /usr/bin/python3 "$here/suite_$suite.py" "$programs" || failed=1
done
exit "$failed"
