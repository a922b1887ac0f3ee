# Runs after the .rpm was removed or upgraded: the folder of our own that rpm does not take for ours. After an upgrade it is in use, and stays.
rmdir --ignore-fail-on-non-empty /usr/share/doc/wayleave 2>/dev/null || true
