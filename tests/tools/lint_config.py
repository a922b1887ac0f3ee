#!/usr/bin/env python3
"""Checks what the window's configuration must never say (docs/SECURITY.md, "The window").

tauri.conf.json: no `unsafe-*`, `*` or foreign origin in the CSP, no `remote` capability, no window pattern `*`,
no `dangerous*` key, no global Tauri object, prototypes frozen. Cargo.lock: tauri 2.11.1 or newer, nothing pre-release.
    usage: lint_config.py [FOLDER]         `--self-test` shows that each rule is caught.
"""
import copy
import json
import pathlib
import re
import sys

TAURI_MIN = (2, 11, 1)
CSP_SOURCES = {"'self'", "'none'", "'script'", "data:", "ipc:", "http://ipc.localhost"}


def walk(value, path=""):
    """Every (path, key, value) below a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield f"{path}.{key}", str(key), child
        yield from walk(child, f"{path}.{key}")


def csp_problems(csp):
    """What a policy allows and must not."""
    if not csp:
        yield "app.security.csp is missing"
        return
    directives = csp if isinstance(csp, dict) else dict(
        (part.split()[0], part.split()[1:]) for part in csp.split(";") if part.strip())
    for name, sources in directives.items():
        if name == "trusted-types":  # names of policies, not origins
            sources = [s for s in (sources.split() if isinstance(sources, str) else sources) if s in ("*",)]
        for source in sources.split() if isinstance(sources, str) else sources:
            if source not in CSP_SOURCES:
                yield f"CSP {name} allows {source}"
    if "default-src" not in directives:
        yield "CSP has no default-src"


def conf_problems(conf):
    """What tauri.conf.json says and must not."""
    security = conf.get("app", {}).get("security", {})
    yield from csp_problems(security.get("csp"))
    if conf.get("app", {}).get("withGlobalTauri"):
        yield "app.withGlobalTauri is on"
    if security.get("freezePrototype") is not True:
        yield "app.security.freezePrototype is off"
    for path, key, value in walk(conf):
        if key.startswith("dangerous") or key == "remote":
            yield f"{path} must not be there"
        if key == "windows" and path.startswith(".app.security") and "*" in value:
            yield f"{path} names every window"


def lock_problems(lock):
    """What Cargo.lock holds and must not."""
    versions = re.findall(r'name = "tauri"\nversion = "([^"]+)"', lock)
    for version in versions:
        if "-" in version or tuple(map(int, version.split("."))) < TAURI_MIN:
            yield f"tauri {version}: want {'.'.join(map(str, TAURI_MIN))} or newer, released"
    if not versions:
        yield "Cargo.lock names no tauri"


def self_test(conf, lock):
    """Breaks each rule in a copy; every break must be seen. Returns what was not seen."""
    def changed(change):
        other = copy.deepcopy(conf)
        change(other["app"], other["app"]["security"])
        return list(conf_problems(other))

    breaks = {
        "unsafe-inline": lambda app, sec: sec.update(csp="default-src 'self'; style-src 'self' 'unsafe-inline'"),
        "foreign origin": lambda app, sec: sec.update(csp="default-src 'self'; connect-src https://example.org"),
        "no CSP": lambda app, sec: sec.pop("csp"),
        "remote": lambda app, sec: sec.update(capabilities=[{"identifier": "x", "remote": {"urls": ["https://*"]}}]),
        "every window": lambda app, sec: sec.update(capabilities=[{"identifier": "x", "windows": ["*"]}]),
        "dangerous": lambda app, sec: sec.update(dangerousDisableAssetCspModification=True),
        "global object": lambda app, sec: app.update(withGlobalTauri=True),
        "prototypes": lambda app, sec: sec.update(freezePrototype=False),
    }
    missed = [name for name, change in breaks.items() if not changed(change)]
    if not list(lock_problems(re.sub(r'(name = "tauri"\nversion = ")[^"]+', r"\g<1>2.10.0", lock))):
        missed.append("old tauri")
    return missed


def main():
    arguments = [a for a in sys.argv[1:] if a != "--self-test"]
    root = pathlib.Path(arguments[0] if arguments else ".")
    conf = json.loads((root / "tauri.conf.json").read_text())
    lock = (root / "Cargo.lock").read_text()
    problems = list(conf_problems(conf)) + list(lock_problems(lock))
    if "--self-test" in sys.argv:
        problems += [f"the rule about {name} caught nothing" for name in self_test(conf, lock)]
    for problem in problems:
        print(f"tauri.conf.json, Cargo.lock: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
