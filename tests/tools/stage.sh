#!/usr/bin/env bash
# Lays out what the packages carry beside the window: the command line, its man pages, its completions.
#   usage: stage.sh PROGRAM FOLDER      (tauri.conf.json names the files in FOLDER)
set -euo pipefail
program="$1"
folder="$2"

rm -rf "$folder"
mkdir -p "$folder/man1" "$folder/completions"
install -m 755 "$program" "$folder/wayleave"
"$program" man --all "$folder/man1"
gzip -9 --no-name "$folder"/man1/*.1
"$program" completions bash >"$folder/completions/wayleave.bash"
"$program" completions zsh >"$folder/completions/_wayleave"
"$program" completions fish >"$folder/completions/wayleave.fish"
