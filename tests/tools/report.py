#!/usr/bin/env python3
"""Prints every report of target/reports as one table; exits 1 when one is not ok.

A report is what a suite wrote (docs/ARCHITECTURE.md, "Reports"). Not ok is: a check that failed, a known-bad
variant that the suite did not catch, a figure that is no number, a report that cannot be read, or no report at all.
    usage: report.py [FOLDER]
"""
import json
import pathlib
import sys

COLUMNS = ("suite", "check", "figure", "limit", "ok")


def rows_of(report):
    """The rows of one report, each a tuple in the order of COLUMNS with a bool at the end."""
    suite = report["suite"]
    for check in report["checks"]:
        figure = check["figure"]
        number = isinstance(figure, (int, float)) and not isinstance(figure, bool)
        shown = f"{figure:g} {check.get('unit', '')}".strip() if number else repr(figure)
        yield suite, check["name"], shown, check.get("limit", ""), bool(check["ok"]) and number
    for bad in report.get("known_bad", []):
        yield suite, f"known bad: {bad['name']}", "caught" if bad["caught"] else "missed", "caught", bool(bad["caught"])


def read(path):
    """The rows of a file; one failed row when it is not a report."""
    try:
        rows = list(rows_of(json.loads(path.read_text())))
        return rows or [(path.stem, "(no check)", "", "", False)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [(path.stem, f"(unreadable: {error})", "", "", False)]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "target/reports")
    rows = [row for path in sorted(folder.glob("*.json")) for row in read(path)]
    if not rows:
        print(f"no report in {folder}: run `make test` first", file=sys.stderr)
        return 1
    table = [COLUMNS] + [(*row[:4], "ok" if row[4] else "NOT OK") for row in rows]
    widths = [max(len(str(line[i])) for line in table) for i in range(5)]
    for line in table:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths)).rstrip())
    failed = sum(1 for row in rows if not row[4])
    print(f"\n{len(rows) - failed} ok, {failed} not ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
