#!/usr/bin/env bash
# Draws the sizes of our icons from their SVG sources (rsvg-convert, package librsvg2-bin).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../icons"

draw() { # draw SOURCE SIZE NAME [STYLE]
  local style
  style="$(mktemp)"
  printf '%s' "${4:-}" >"$style"
  rsvg-convert --width "$2" --height "$2" --stylesheet "$style" "$1" --output "$3"
  rm -f "$style"
}

draw icon-16.svg 16 16x16.png
draw icon.svg 32 32x32.png
draw icon.svg 128 128x128.png
draw icon.svg 256 128x128@2x.png
draw icon.svg 512 icon.png
# The tray's marks take the panel's colour where the panel can say it; a picture must be made for each.
for state in ok soon urgent locked; do
  draw "tray-$state.svg" 32 "tray-$state-on-light.png" "svg { color: #1c2430 }"
  draw "tray-$state.svg" 32 "tray-$state-on-dark.png" "svg { color: #f2f5f8 }"
done
