#!/usr/bin/env python3
"""Suite `qgis`: puts a key of a local hub into real QGIS, 3.22 and 3.40, in the real window, and reads it back.

Four ways for each version: a line typed in the Python Console, `qgis --code`, a new profile (QGIS' own dialog for a new
master password is answered), and a renewal under the id that the EODH plugin already uses. A version that did not run fails.
    usage: suite.py PROGRAMS CACHE      PROGRAMS holds wayleave and wayleave-sandbox, CACHE what fetch.sh fetched
"""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "shared"))

from display import Display, wait_for  # noqa: E402
from gui import MASTER_PASSWORD, Profile, Qgis  # noqa: E402
from hub import Sandbox, Wayleave  # noqa: E402
from report import ROOT, Report  # noqa: E402

VERSIONS = ("3.22", "3.40")
WAYS = ("new profile", "code", "console", "renewal")
# What a user of the plugin may have already: its sign-in under an id of its own, and somebody else's.
OLD_ID, OTHER_ID = "q7w2e9r", "other12"
SENDS_HEADER = {"3.22": False, "3.40": True}


class Bench:
    """What all runs share."""

    def __init__(self, programs, cache, display, sandbox, wayleave, scratch):
        self.programs, self.cache, self.display = programs, cache, display
        self.sandbox, self.wayleave, self.scratch = sandbox, wayleave, scratch
        self.runs = 0

    def inside(self, version, profile, do, **task):
        """One task of inside.py in this version's PyQGIS."""
        answer = profile.home / "answer.json"
        task = {"do": do, "profile": str(profile.folder) + "/", "password": MASTER_PASSWORD, **task}
        command = '. "$0/env.sh" && exec /usr/bin/python3 "$1" "$2"'
        done = subprocess.run(["bash", "-c", command, self.cache / version, HERE / "inside.py", answer], input=json.dumps(task),
                              text=True, capture_output=True, timeout=120, check=False, env=profile.environment())
        if done.returncode != 0 or not answer.exists():
            raise RuntimeError(f"PyQGIS {version}, {do}: {done.stderr[-500:]}")
        value = json.loads(answer.read_text())
        answer.unlink()
        return value


class Run:
    """One way in one version: what was done, and what is there afterwards."""

    def __init__(self, bench, version, way, change=None):
        self.bench, self.version, self.way, self.change = bench, version, way, change
        bench.runs += 1
        self.profile = Profile(bench.scratch / f"home-{bench.runs}")
        self.expected_id = OLD_ID if way == "renewal" else "eodhplg"
        self.presses = 0

    def go(self):
        """Prepares, asks Wayleave, lets QGIS run the script, leaves QGIS, reads back."""
        bench = self.bench
        if self.way != "new profile":
            bench.inside(self.version, self.profile, "prepare", **self.used_before())
        self.credential, self.key = bench.wayleave.new_token(f"{self.version} {self.way} {bench.runs}")
        self.ready = bench.wayleave.ask("qgis", "apply", self.credential["id"])
        script = pathlib.Path(self.ready["script"])
        self.ticket_file = next(path for path in script.parent.iterdir() if "ticket" in path.name)
        self.ticket = self.ticket_file.read_text()
        self.modes = {path.stat().st_mode & 0o777 for path in (script, self.ticket_file)}
        if self.change:
            script.write_text(self.change(script.read_text()))
        self.presses = 1  # the button in Wayleave that made the ticket
        self.use(script)
        self.found = bench.inside(self.version, self.profile, "read")
        return self

    def used_before(self):
        old = {"username": "somebody", "token": "an older key"}
        mine = [(OLD_ID, "eodh_plugin", old)] if self.way == "renewal" else []
        other = (OTHER_ID, "another service", {"username": "u", "password": "p", "realm": ""})
        return {"configurations": [other, *mine], "plugin_id": OLD_ID if mine else None}

    def use(self, script):
        typed = self.way == "console"
        with Qgis(self.bench.cache / self.version, self.bench.display, self.profile, None if typed else script) as qgis:
            if typed:
                qgis.open_console(self.profile.home)
                qgis.type_line(self.ready["one_liner"])
            qgis.give_master_password(new=self.way == "new profile")
            wait_for("the stored configuration", lambda: qgis.alive() and self.stored())
            if typed:
                self.globals_file = self.profile.home / "globals"
                qgis.type_line(f"open({str(self.globals_file)!r}, 'w').write(repr(dict(globals())))")
                wait_for("the console's globals", lambda: self.globals_file.exists() and self.globals_file.stat().st_size)
            name = f"qgis-{self.version}-{self.way.replace(' ', '-')}{'-changed' if self.change else ''}.png"
            self.bench.display.picture(ROOT / "target/screens" / name)
            self.presses += qgis.presses
            qgis.quit()

    def stored(self):
        """The ticket is spent and the settings name a sign-in that is in the database."""
        ini = (self.profile.folder / "QGIS/QGIS3.ini").read_text(errors="replace")
        named = [line.split("=", 1)[1] for line in ini.splitlines() if line.startswith("auth_config=")]
        if self.ticket_file.exists() or not named:
            return False
        wanted = 2 if SENDS_HEADER[self.version] else 1
        with sqlite3.connect(f"file:{self.profile.folder / 'qgis-auth.db'}?mode=ro", uri=True) as database:
            ids = [row[0] for row in database.execute("select id from auth_configs")]
        return named[0] in ids and len([i for i in ids if i != OTHER_ID]) >= wanted and self.settled()

    def settled(self):
        """The script works in one go; its last word is the message, so the database no longer changes."""
        stamp = (self.profile.folder / "qgis-auth.db").stat().st_mtime
        return time.time() - stamp > 1.5

    # --- what is looked at ---

    def plugin_reads(self):
        wanted = {"username": self.bench.wayleave.username, "token": self.key}
        got = {key: self.found["plugin"].get(key) for key in wanted} if self.found["plugin"] else None
        return got == wanted

    def id_kept(self):
        """One sign-in of the plugin, under the expected id, and somebody else's configuration as it was."""
        configs = self.found["configs"]
        plugins = [key for key, config in configs.items() if config["name"] == "eodh_plugin"]
        other = configs.get(OTHER_ID, {}).get("values", {}).get("password")
        return self.found["id"] == self.expected_id and plugins == [self.expected_id] and \
            other == (None if self.way == "new profile" else "p")

    def header(self):
        """The id of the workspace's API Header, or None."""
        found = [key for key, config in self.found["configs"].items() if config["method"] == "APIHeader"]
        return found[0] if len(found) == 1 else None

    def header_as_wanted(self):
        if not SENDS_HEADER[self.version]:
            return self.header() is None
        config = self.found["configs"].get(self.header() or "", {})
        return config.get("values", {}).get("Authorization") == "Bearer " + self.key and \
            config.get("uri") == self.bench.sandbox.hub

    def tile_by(self, authcfg):
        """Who asked for the tile that QGIS fetched, as the hub saw it."""
        self.bench.sandbox.control("clear_seen")
        url = f"{self.bench.sandbox.hub}/tiles/{self.bench.wayleave.workspace}/{{z}}/{{x}}/{{y}}.png"
        self.bench.inside(self.version, self.profile, "tile", url=url, authcfg=authcfg)
        seen = [s for s in self.bench.sandbox.control("list_seen") if s["path"].startswith("/tiles/")]
        return {(s["who"], s["status"]) for s in seen}

    def header_arrives(self):
        return self.tile_by(self.header()) == {(f"token:{self.credential['platform_id']}", 200)}

    def left_behind(self):
        """Files with the key or the ticket in clear, anywhere that QGIS or Wayleave wrote."""
        secrets = [self.key.encode(), self.ticket.strip().encode()]
        folders = [self.profile.home, self.bench.wayleave.home]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return [str(path) for path in files if any(secret in path.read_bytes() for secret in secrets)]

    def history_is_clean(self):
        """QGIS did write the line down, and it holds nothing secret (`left_behind` looked for that)."""
        return self.ready["one_liner"] in (self.profile.folder / "console_history.txt").read_text() and not self.left_behind()

    def ticket_works_again(self):
        code, out, _ = self.bench.wayleave.call("qgis", "credentials", "--ticket-stdin", stdin=self.ticket, check=False)
        return code == 0 or self.key in out


def second_configuration(script):
    """Known bad: makes a new sign-in each time instead of renewing the one that is there."""
    return script.replace('str(settings.value("/eodh/auth_config") or "") or plugin_id', '"bad0001"')


def key_in_settings(script):
    """Known bad: leaves the key in QGIS' settings file."""
    return script.replace('settings.setValue("/eodh/auth_config", identifier)',
                          'settings.setValue("/eodh/auth_config", identifier); settings.setValue("/eodh/key", values["token"])')


def detected(bench):
    """Whether `wayleave qgis profiles` names both versions and knows which sends a header."""
    found = [qgis for qgis in bench.wayleave.ask("qgis", "profiles") if str(qgis["program"]).startswith(str(bench.cache))]
    return [(str(q["version"]).rsplit(".", 1)[0], q["api_header"], q["can_apply"]) for q in found] == \
        [(version, SENDS_HEADER[version], True) for version in VERSIONS]


def runs_of(bench):
    """Every way in every version; one that breaks is told and missing."""
    runs = []
    for version in VERSIONS:
        for way in WAYS:
            try:
                runs.append(Run(bench, version, way).go())
                print(f"QGIS {version}, {way}: {runs[-1].found['version']}", flush=True)
            except Exception:  # pylint: disable=broad-except; the next way still runs
                print(f"QGIS {version}, {way}: did not run", flush=True)
                traceback.print_exc()
    return runs


def judge(report, bench, runs):
    """Turns runs into checks."""
    for version in VERSIONS:
        done = [run for run in runs if run.version == version and run.found["version"].startswith(version)]
        report.check(f"ways_{version}", len(done), "ways", f"{len(WAYS)}", len(done) == len(WAYS))
    report.count("plugin_reads_user_and_key", [run.plugin_reads() for run in runs])
    report.count("one_sign_in_under_its_id", [run.id_kept() for run in runs])
    report.count("api_header_as_the_version_can", [run.header_as_wanted() for run in runs])
    report.count("header_reaches_server_3.40", [run.header_arrives() for run in runs if SENDS_HEADER[run.version]])
    report.count("no_secret_left_in_a_file", [not run.left_behind() for run in runs])
    report.count("no_secret_left_in_globals", [run.key not in run.globals_file.read_text() for run in runs if run.way == "console"])
    report.count("files_are_0600", [run.modes == {0o600} for run in runs])
    report.count("ticket_is_spent", [not run.ticket_works_again() for run in runs])
    report.count("console_history_holds_the_line_alone", [run.history_is_clean() for run in runs if run.way == "console"])
    clicks = max((run.presses for run in runs), default=99)
    report.check("qgis_clicks", clicks, "clicks", "<=6", clicks <= 6)
    report.check("versions_detected", int(detected(bench)), "", "1", detected(bench))


def judge_known_bad(report, bench, runs):
    report.known_bad("second_configuration", not Run(bench, "3.40", "renewal", second_configuration).go().id_kept())
    report.known_bad("key_in_settings", bool(Run(bench, "3.40", "code", key_in_settings).go().left_behind()))
    bare = next(run for run in runs if run.version == "3.40")
    report.known_bad("layer_without_the_configuration", bare.tile_by(None) != {(f"token:{bare.credential['platform_id']}", 200)})


def main():
    programs, cache = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    report = Report("qgis", "test-tools")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="wayleave-qgis-"))
    try:
        path = os.pathsep.join(str(cache / version / "bin") for version in VERSIONS)
        with Display() as display, Sandbox(programs) as sandbox, Wayleave(programs, scratch / "wayleave", path) as wayleave:
            wayleave.begin(sandbox)
            bench = Bench(programs, cache, display, sandbox, wayleave, scratch)
            runs = runs_of(bench)
            judge(report, bench, runs)
            judge_known_bad(report, bench, runs)
    finally:
        ok = report.write()
        shutil.rmtree(scratch, ignore_errors=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
