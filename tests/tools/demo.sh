#!/usr/bin/env bash
# Starts the sandbox platform and the window on it, with a throw-away vault. Nothing of yours is touched.
#   usage: demo.sh PROGRAMS      the folder with wayleave, wayleave-desktop and wayleave-sandbox
set -euo pipefail
programs="$(cd "$1" && pwd)"

home="$(mktemp -d -t wayleave-demo-XXXXXX)"
export WAYLEAVE_HOME="$home"
coproc SANDBOX { exec "$programs/wayleave-sandbox" --json --until-stdin-closes; }
sandbox_pid="$SANDBOX_PID"
sandbox_stdin="${SANDBOX[1]}"

# A vault that the keyring opened has left one entry there, which the folder's end would leave behind.
forget_keyring_entry() {
  "$programs/wayleave" vault info --json 2>/dev/null | python3 -c '
import json, sys
vault = json.loads(sys.stdin.read() or "{}")
for slot in vault.get("slots", []):
    if slot["kind"] == "keyring":
        print("vault:{}:slot:{}".format(vault["vault_id"], slot["id"]))' | while read -r entry; do
    secret-tool clear service wayleave username "$entry" 2>/dev/null ||
      echo "Left in your keyring: the entry \"$entry\" of service \"wayleave\"; it opens nothing any more." >&2
  done
}

finish() {
  forget_keyring_entry || true
  "$programs/wayleave" agent stop >/dev/null 2>&1 || true
  exec {sandbox_stdin}>&- || true
  wait "$sandbox_pid" 2>/dev/null || true
  rm -rf "$home"
}
trap finish EXIT

read -r about <&"${SANDBOX[0]}"
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$about" "$1"; }
hub="$(field hub)"
mkdir -m 700 -p "$home/config"
python3 - "$hub" >"$home/config/tiles.json" <<'PY'
import json, sys
hub = sys.argv[1]
host = hub.split("//")[1]
tile = lambda platform, name, **connection: {"platform": platform, "name": name, "subtitle": host, "connection": connection}
print(json.dumps([
    tile("eodh", "Sandbox", environment="custom", hub=hub),
    tile("dataos", "Sandbox DataOS", host=hub),
    tile("opendatasoft", "Sandbox portal", domain=hub),
    tile("ovh", "Sandbox project", project=hub),
]))
PY

cat <<TEXT

  Sandbox platform   $hub
  sign in as         $(field username)
  password           $(field password)
  keys to paste      $(field first_keys)

  The window opens now. Its vault is thrown away when you quit Wayleave. The command line on the same vault:
    WAYLEAVE_HOME=$home $programs/wayleave status

TEXT
"$programs/wayleave-desktop"
