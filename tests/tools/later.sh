#!/usr/bin/env bash
# Makes the packages once more with a later version, for the test of an upgrade: the programs stay as they are built.
#   usage: later.sh BUNDLES FOLDER      BUNDLES has deb/ and rpm/; FOLDER gets old/ and new/
set -euo pipefail
bundles="$1"
folder="$2"

rm -rf "$folder"
mkdir -p "$folder/old" "$folder/new"
mv "$bundles"/deb/*.deb "$bundles"/rpm/*.rpm "$folder/old/"
npx --prefix ui tauri bundle --bundles deb,rpm --config '{"version": "99.0.0"}'
mv "$bundles"/deb/*.deb "$bundles"/rpm/*.rpm "$folder/new/"
# What was built stays where a person looks for it.
cp "$folder"/old/*.deb "$bundles/deb/"
cp "$folder"/old/*.rpm "$bundles/rpm/"
