#!/usr/bin/env python3
"""Runs make targets one after the other, all of them even when one fails, and adds up what their test runners counted.

The last line is `N passed, N failed`. A target that fails without a counted failure counts as one.
    usage: run.py TARGET…
"""
import os
import re
import subprocess
import sys
import time

ANSI = re.compile(r"\x1b\[[0-9;]*m")
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;")
VITEST = re.compile(r"^\s+Tests\s+(?:(\d+) failed\s*\|?\s*)?(?:(\d+) passed)?")
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, \d+ skipped)?$")

NESTED = "WAYLEAVE_RUN_NESTED"  # set for what is run: an inner run leaves the adding up to the outer one


def count(line):
    """(passed, failed) that a closing line of a test runner tells, or (0, 0)."""
    line = ANSI.sub("", line.rstrip("\n"))
    if found := CARGO.match(line) or PLAIN.match(line):
        return int(found[1]), int(found[2])
    if found := VITEST.match(line):
        return int(found[2] or 0), int(found[1] or 0)
    return 0, 0


def run(target):
    """Runs one target, passing its output on; returns (passed, failed)."""
    make = os.environ.get("MAKE", "make")
    process = subprocess.Popen([make, "--no-print-directory", target], env={**os.environ, NESTED: "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace")
    passed = failed = 0
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        more_passed, more_failed = count(line)
        passed += more_passed
        failed += more_failed
    if process.wait() != 0 and failed == 0:
        failed = 1
    return passed, failed


def main():
    summary = []
    for target in sys.argv[1:]:
        print(f"\n=== {target}", flush=True)
        start = time.monotonic()
        summary.append((target, *run(target), time.monotonic() - start))
    print("\n=== all")
    for target, passed, failed, seconds in summary:
        print(f"{target:24} {passed:5} passed {failed:4} failed {seconds:7.0f} s")
    failed = sum(row[2] for row in summary)
    if NESTED not in os.environ:
        print(f"{sum(row[1] for row in summary)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
