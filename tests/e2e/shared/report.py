"""Writes target/reports/SUITE.json (docs/ARCHITECTURE.md, "Reports") for suites in Python."""
import json
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


def commit():
    """HEAD of a clean tree, else `…-dirty`."""
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False).stdout.strip()
    return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")


class Report:
    """One suite's figures."""

    def __init__(self, suite, target):
        self.suite, self.target, self.start = suite, target, time.monotonic()
        self.checks, self.bad = [], []

    def check(self, name, figure, unit, limit, ok, cases=1, failed=None):
        failed = int(not ok) if failed is None else failed
        self.checks.append({"name": name, "figure": figure, "unit": unit, "limit": limit, "cases": cases, "failed": failed,
                            "ok": bool(ok)})

    def count(self, name, results):
        """How many of several cases failed; none at all is not ok."""
        failed = sum(1 for result in results if not result)
        self.check(name, failed, "failed", "0", results and not failed, len(results), failed)

    def known_bad(self, name, caught):
        self.bad.append({"name": name, "caught": bool(caught)})

    def write(self):
        """Writes the file, prints the outcome; returns whether all is good."""
        folder = ROOT / "target/reports"
        folder.mkdir(parents=True, exist_ok=True)
        value = {"suite": self.suite, "target": self.target, "commit": commit(), "seed": 0,
                 "seconds": round(time.monotonic() - self.start, 1), "checks": self.checks, "known_bad": self.bad}
        (folder / f"{self.suite}.json").write_text(json.dumps(value, indent=2) + "\n")
        results = [(c["name"], c["ok"]) for c in self.checks] + [("known bad: " + b["name"], b["caught"]) for b in self.bad]
        for name, good in results:
            print(f"{self.suite} {name}: {'ok' if good else 'FAILED'}")
        failed = sum(1 for _, good in results if not good)
        print(f"{len(results) - failed} passed, {failed + (not self.bad)} failed")
        return bool(self.bad) and not failed
