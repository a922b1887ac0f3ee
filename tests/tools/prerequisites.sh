#!/usr/bin/env bash
# Says whether this machine has what cannot be installed from Debian's packages: Rust by rustup, and Node.
# Silent when all is there; otherwise names what is missing and the exact command, and exits 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rust_wanted="$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)"
node_wanted=20.19
missing=0

lacks() { # lacks WHAT COMMAND
  printf 'missing: %s\n   get it: %s\n' "$1" "$2" >&2
  missing=1
}

at_least() { # at_least WANTED HAVE : version order
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]
}

if ! command -v cargo >/dev/null; then
  lacks "Rust $rust_wanted (by rustup)" "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
elif ! have="$(cargo --version 2>/dev/null)"; then
  lacks "the Rust toolchain $rust_wanted" "rustup toolchain install $rust_wanted"
elif [ "$(echo "$have" | cut -d' ' -f2)" != "$rust_wanted" ]; then
  lacks "Rust $rust_wanted (this cargo is $(echo "$have" | cut -d' ' -f2), not rustup's)" \
    "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
fi

node_command="curl -fsSL https://raw.githubusercontent.com/nvm-sh/nvm/v0.40.3/install.sh | bash && . \"\$HOME/.nvm/nvm.sh\" && nvm install 20"
if ! command -v node >/dev/null; then
  lacks "Node $node_wanted or newer" "$node_command"
elif ! at_least "$node_wanted" "$(node --version | tr -d v)"; then
  lacks "Node $node_wanted or newer (this one is $(node --version); Debian 12's own is too old)" "$node_command"
elif ! command -v npm >/dev/null; then
  lacks "npm" "$node_command"
fi

exit "$missing"
