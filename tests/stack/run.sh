#!/usr/bin/env bash
# Runs the suites against the running stack, all of them even when one fails, and stops the stack.
#   usage: run.sh PROGRAMS RUN-FOLDER-OF-THE-STACK [SUITE…]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
programs="$1" run="$2"
shift 2
[ "$#" -gt 0 ] || set -- oidc second portal sts journey canary
trap '/usr/bin/python3 "$here/stack.py" down' EXIT
failed=0
for suite in "$@"; do
  echo "--- stack-$suite"
  "$here/inside.sh" "$run/tls/bundle.pem" /usr/bin/python3 "$here/suite_$suite.py" "$programs" || failed=1
done
exit "$failed"
