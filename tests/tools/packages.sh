#!/usr/bin/env bash
# Installs the Debian packages of the named groups that are not there yet, and says which.
# Root installs at once; anybody else is asked before sudo is used (and told the command where nobody can answer).
#   usage: packages.sh GROUP…      groups: build test root stack
set -euo pipefail

build="build-essential pkg-config file python3 libwebkit2gtk-4.1-dev libgtk-3-dev libayatana-appindicator3-dev librsvg2-dev libxdo-dev"
test="webkit2gtk-driver xvfb xauth xclip x11-utils x11-apps imagemagick xdotool dbus dbus-x11 gnome-keyring libsecret-tools
  xdg-utils xfonts-base fonts-dejavu-core fonts-inter at-spi2-core libfaketime librsvg2-bin openssl python3-boto3 python3-venv rpm"
root="debootstrap"
# The parts of the hub in small that Debian has (tests/stack).
stack="maven openssl ca-certificates util-linux python3-boto3"
# Any Java from 17 on will do; where there is none, Debian's.
command -v java >/dev/null || stack="$stack openjdk-17-jre-headless"

wanted=()
for group in "$@"; do
  case "$group" in
  build) read -r -d '' -a more <<<"$build " || true ;;
  test) read -r -d '' -a more <<<"$test " || true ;;
  root) read -r -d '' -a more <<<"$root " || true ;;
  stack) read -r -d '' -a more <<<"$stack " || true ;;
  *)
    echo "error: no group of packages is called $group" >&2
    exit 2
    ;;
  esac
  wanted+=("${more[@]}")
done

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

echo "Debian packages to install: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command="sudo apt-get install --no-install-recommends ${missing[*]}"
  if [ ! -t 0 ] || [ "${CI:-}" = true ]; then
    printf 'error: these packages need root, and nobody can be asked here\n hint: run: %s\n' "$command" >&2
    exit 1
  fi
  read -r -p "Run \"$command\"? [y/N] " answer
  case "$answer" in
  y | Y | yes) sudo=(sudo) ;;
  *)
    printf 'error: not installed\n hint: run it yourself: %s\n' "$command" >&2
    exit 1
    ;;
  esac
fi

install() {
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "${missing[@]}"
}
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
# The lists are fetched only when the install cannot do without: old lists name files that are gone.
if ! install >"$log" 2>&1; then
  "${sudo[@]}" apt-get -q update
  install
fi
