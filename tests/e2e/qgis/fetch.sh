#!/usr/bin/env bash
# Fetches QGIS 3.22 (Debian 12) and 3.40 (bookworm-backports) side by side into a cache outside the checkout.
# The Debian packages conflict, so nothing is installed: the packages that this machine lacks are downloaded with
# apt into a folder of their own and unpacked with `dpkg -x`. No root needed, the machine's package lists stay as they are.
#   usage: fetch.sh [CACHE_DIR]      CACHE_DIR/3.22 and CACHE_DIR/3.40 each get usr/, env.sh, bin/qgis and `complete`
set -euo pipefail

cache="${1:-${WAYLEAVE_QGIS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wayleave/qgis}}"
mkdir -p "$cache"
cache="$(cd "$cache" && pwd)"

# The machine's own Debian mirror: whatever serves the `bookworm` release to it, in either format of sources.
mirror="$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "bookworm" && $2 == "main" { print $3; exit }')"
security="$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "bookworm-security" && $2 == "main" { print $3; exit }')"
if [ -z "$mirror" ]; then
  echo "error: this machine has no apt source for Debian 12 (bookworm, main)" >&2
  exit 1
fi

# Raised when something else is fetched: a cache of another number is made anew.
recipe=1

apt_in() { # apt_in DIR COMMAND… : apt with lists, cache and sources of DIR; the machine's dpkg status is only read
  local dir="$1"
  shift
  apt-get -q -o "Dir::Etc::sourcelist=$dir/sources.list" -o "Dir::Etc::sourceparts=-" \
    -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o "Dir::Cache::archives=$dir/archives" \
    -o "APT::Sandbox::User=" -o "Debug::NoLocking=true" -o "Acquire::Retries=3" \
    -o "DPkg::Post-Invoke::=" -o "APT::Update::Post-Invoke::=" "$@"
}

write_env() { # write_env PREFIX : what a process needs to run from the prefix
  local p="$1" lib="$1/usr/lib/x86_64-linux-gnu"
  cat >"$p/env.sh" <<ENV
export LD_LIBRARY_PATH="$p/usr/lib:$lib:$lib/blas:$lib/lapack:$lib/odbc:$lib/pulseaudio"
export QT_PLUGIN_PATH="$lib/qt5/plugins:$lib/qca-qt5:/usr/lib/x86_64-linux-gnu/qt5/plugins"
export PYTHONPATH="$p/usr/share/qgis/python:$p/usr/share/qgis/python/plugins:$p/usr/lib/python3/dist-packages:/usr/lib/python3/dist-packages"
export QGIS_PREFIX_PATH="$p/usr"
export PROJ_LIB="$p/usr/share/proj"
export GDAL_DATA="$p/usr/share/gdal"
export PATH="$p/usr/bin:/usr/bin:/bin"
ENV
  mkdir -p "$p/bin"
  printf '#!/usr/bin/env bash\n. "%s/env.sh"\nexec "%s/usr/bin/qgis" "$@"\n' "$p" "$p" >"$p/bin/qgis"
  chmod 755 "$p/bin/qgis"
}

works() { # works PREFIX : the program starts and prints its version
  QT_QPA_PLATFORM=offscreen "$1/bin/qgis" --version 2>/dev/null | grep -q '^QGIS '
}

fetch() { # fetch VERSION SUITE
  local p="$cache/$1" work="$cache/.fetch-$1"
  [ ! -d "$p/usr" ] || write_env "$p"
  if [ "$(cat "$p/complete" 2>/dev/null)" = "$recipe" ] && works "$p"; then
    echo "qgis $1: in $p"
    return 0
  fi
  rm -rf "$p" "$work"
  mkdir -p "$p" "$work/lists/partial" "$work/archives/partial" "$work/cache"
  {
    echo "deb $mirror bookworm main"
    echo "deb $mirror bookworm-updates main"
    [ -z "$security" ] || echo "deb $security bookworm-security main"
    [ "$2" = bookworm ] || echo "deb $mirror $2 main"
  } >"$work/sources.list"
  echo "qgis $1: fetching from the machine's Debian mirror ($2), about 280 MB"
  apt_in "$work" update >"$work/update.log" 2>&1 || { cat "$work/update.log" >&2; return 1; }
  apt_in "$work" install --download-only --no-install-recommends --yes -t "$2" \
    qgis python3-qgis qgis-providers libqca-qt5-2-plugins libqt5sql5-sqlite python3-pyqt5.qtsvg >"$work/install.log" 2>&1 ||
    { tail -20 "$work/install.log" >&2; return 1; }
  local deb
  for deb in "$work"/archives/*.deb; do
    case "$(basename "$deb")" in
    libc6_* | libc-bin_* | libc6-dev* | libc-dev-bin*) continue ;; # a second C library cannot run beside the machine's own loader
    esac
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$p" --no-same-owner
  done
  write_env "$p"
  works "$p" || {
    echo "error: QGIS $1 was fetched but does not start" >&2
    return 1
  }
  echo "$recipe" >"$p/complete"
  rm -rf "$work"
  echo "qgis $1: ready in $p"
}

fetch 3.22 bookworm
fetch 3.40 bookworm-backports
