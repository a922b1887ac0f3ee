#!/usr/bin/env python3
"""Suite `package`: the packages carry what they should, and what they carry works from a clean root.

The .deb is extracted into an empty folder; its window is started there, on a display and a home of its own, and a vault is
created in it by keyboard. The packaged window must not be drivable, and nothing of the tests may be linked.
    usage: suite.py BUNDLES PROGRAMS      BUNDLES holds deb/ and rpm/, PROGRAMS a window built with feature `e2e`
"""
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "shared"))

from display import Display, wait_for  # noqa: E402
from report import ROOT, Report  # noqa: E402

PASSPHRASE = "a long passphrase for tests"
CARRIED = ("usr/bin/wayleave-desktop", "usr/bin/wayleave", "usr/share/man/man1/wayleave.1.gz",
           "usr/share/bash-completion/completions/wayleave", "usr/share/zsh/vendor-completions/_wayleave",
           "usr/share/fish/vendor_completions.d/wayleave.fish", "usr/share/applications/Wayleave.desktop",
           "usr/share/doc/wayleave/copyright", "usr/share/icons/hicolor/128x128/apps/wayleave-desktop.png")
# Where Fedora and Debian keep the same thing in different places.
RPM_PLACES = {"usr/share/zsh/vendor-completions/_wayleave": "usr/share/zsh/site-functions/_wayleave"}
TITLE = "^Wayleave$"


def newest(folder, pattern):
    """The package that was built last."""
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime)


def listed(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def contents(deb, rpm):
    """The paths in the two packages."""
    return {line.split()[5].removeprefix("./") for line in listed("dpkg-deb", "--contents", deb)}, \
        {line.lstrip("/") for line in listed("rpm", "-qlp", rpm)}


def lacking_in(in_deb, in_rpm):
    """What should be carried and is not."""
    return [path for path in CARRIED if path not in in_deb] + \
        [path for path in (RPM_PLACES.get(p, p) for p in CARRIED) if path not in in_rpm]


class Desk:
    """The window from the extracted root, in a home of its own."""

    def __init__(self, root, display, scratch):
        self.root, self.display, self.home = root, display, scratch / "home"
        (self.home / "run").mkdir(parents=True, mode=0o700)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"),
                            "DISPLAY": display.name, "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1", "GDK_BACKEND": "x11"}
        command = ["dbus-run-session", "--", root / "usr/bin/wayleave-desktop"]
        with (scratch / "desktop.log").open("wb") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wayleave("agent", "stop")
        self.process.terminate()
        self.process.wait(timeout=30)

    def wayleave(self, *arguments):
        done = subprocess.run([self.root / "usr/bin/wayleave", *arguments], env=self.environment, capture_output=True, text=True,
                              check=False, timeout=60)
        return done.stdout

    def windows(self):
        return self.display.xdotool("search", "--onlyvisible", "--name", TITLE).split()

    def vault(self):
        return self.home / ".local/share/wayleave/vault.db"

    def create_vault(self):
        """First run by keyboard: the first platform, a key one already has (the last way), a passphrase (the last choice)."""
        main = wait_for("the window", self.windows)[0]
        wait_for("the first page", self.drawn)
        self.display.focus(main)
        for keys in (["Return"], ["Down"] * 4, ["Tab"] * 3, ["Return"], ["Down"], ["Tab"] * 2, ["Return"]):
            self.display.keys(*keys)
            wait_for("the page to settle", self.still)
        wait_for("the passphrase's window", lambda: len(self.windows()) > 1, seconds=20)
        own = next(window for window in self.windows() if window != main)
        wait_for("the passphrase's field", self.still)
        self.display.focus(own)
        for _ in range(2):
            self.display.type(PASSPHRASE)
            self.display.keys("Tab")
        self.display.keys("shift+Tab", "Return")
        wait_for("the vault", self.vault().exists, seconds=20)

    def drawn(self):
        """Whether the page has drawn itself: more than a plain area."""
        return self.still() and len(set(self.look())) > 60

    def look(self):
        """The display's pixels."""
        return subprocess.run(["import", "-display", self.display.name, "-window", "root", "-depth", "8", "rgb:-"],
                              capture_output=True, check=True).stdout

    def still(self):
        """Whether two pictures of the display, a moment apart, are the same."""
        first = self.look()
        time.sleep(0.3)
        return first == self.look()


def first_run(root, display, scratch):
    """Creates a vault in the packaged window; whether it is there and open. Keys that come before a page is drawn are lost,
    as they are for a person: then the window is started anew, in a new home, at most three times."""
    for attempt in range(3):
        with Desk(root, display, scratch / str(attempt)) as desk:
            try:
                desk.create_vault()
            except TimeoutError as late:
                print(f"attempt {attempt + 1}: {late}", flush=True)
                continue
            display.picture(ROOT / "target/screens/package.png")
            status = json.loads(desk.wayleave("status", "--json"))
            return desk.vault().exists() and status["locked"] is False
    return False


def drivable(programs, display, home):
    """Whether WebDriver can make a session with the window in `programs`."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "DISPLAY": display.name,
                   "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1", "TAURI_WEBVIEW_AUTOMATION": "true"}
    home.mkdir(mode=0o700)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    driver = subprocess.Popen(["WebKitWebDriver", f"--port={port}"], env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": {"binary": str(programs / "wayleave-desktop")}}}}

    def answers():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=2).status == 200
        except OSError:
            return False

    try:
        wait_for("WebKitWebDriver", answers, seconds=30)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/session", json.dumps(wanted).encode(),
                                         {"Content-Type": "application/json"})
        # A window that does not take part leaves the driver waiting: no session in time is the good end.
        return urllib.request.urlopen(request, timeout=20).status == 200
    except OSError:
        return False
    finally:
        driver.kill()
        driver.wait()
        subprocess.run([programs / "wayleave", "agent", "stop"], env=environment, capture_output=True, check=False)


def main():
    bundles, programs = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    deb, rpm = newest(bundles / "deb", "*.deb"), newest(bundles / "rpm", "*.rpm")
    report = Report("package", "test-tools")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="wayleave-package-"))
    root = scratch / "root"
    try:
        subprocess.run(["dpkg-deb", "--extract", deb, root], check=True)
        in_deb, in_rpm = contents(deb, rpm)
        lacking = lacking_in(in_deb, in_rpm)
        report.check("files_missing", len(lacking), "files", "0", not lacking, len(CARRIED) * 2, len(lacking))
        report.known_bad("a package without its manual", len(lacking_in(in_deb - {CARRIED[2]}, in_rpm)) == len(lacking) + 1)
        report.check("deb_size", round(deb.stat().st_size / 2**20, 1), "MiB", "<=20", deb.stat().st_size <= 20 * 2**20)
        with Display() as display:
            created = first_run(root, display, scratch)
            report.check("vault_created_in_the_window", int(created), "", "1", created)
            can_drive = drivable(root / "usr/bin", display, scratch / "drive")
            report.check("release_is_drivable", int(can_drive), "", "0", not can_drive)
            report.known_bad("a window built with feature e2e", drivable(programs, display, scratch / "drive-e2e"))
    finally:
        ok = report.write()
        shutil.rmtree(scratch, ignore_errors=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
