#!/usr/bin/env python3
"""Suite `package`: the packages carry what they should; on a bare Debian 12 they install, work, upgrade and go again.

The window is used as a screen reader would (hands.py), so that nothing of the tests has to be in it; a passphrase is typed on a
keyboard. The packaged window must not be drivable by WebDriver, and nothing of the user's may be touched by a package manager.
    usage: suite.py OLD NEW PROGRAMS      OLD and NEW hold a .deb and an .rpm each, NEW of a later version;
                                          PROGRAMS a window built with feature `e2e`
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "shared"))

from display import Display, wait_for  # noqa: E402
from report import ROOT, Report  # noqa: E402
from root import Root  # noqa: E402

PASSPHRASE = "a long passphrase for tests"
NAME = "wayleave"
CARRIED = ("usr/bin/wayleave-desktop", "usr/bin/wayleave", "usr/share/man/man1/wayleave.1.gz",
           "usr/share/bash-completion/completions/wayleave", "usr/share/zsh/vendor-completions/_wayleave",
           "usr/share/fish/vendor_completions.d/wayleave.fish", "usr/share/applications/Wayleave.desktop",
           "usr/share/doc/wayleave/copyright", "usr/share/icons/hicolor/128x128/apps/wayleave-desktop.png")
# Where Fedora and Debian keep the same thing in different places.
RPM_PLACES = {"usr/share/zsh/vendor-completions/_wayleave": "usr/share/zsh/site-functions/_wayleave"}
# What reads the window aloud, and the bus that it needs; a bare machine has neither.
READER = ("dbus-daemon", "at-spi2-core", "python3-gi", "gir1.2-atspi-2.0")
MAIN, FORM = "^Wayleave$", "^Choose a passphrase · Wayleave$"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "wayleave/debian"
MIB = 2**20


def only(folder, pattern):
    """The one file of a kind."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} files are called {pattern} in {folder}")
    return found[0]


def printed(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def contents(deb, rpm):
    """The paths in the two packages."""
    return {line.split()[5].removeprefix("./") for line in printed("dpkg-deb", "--contents", deb).splitlines()}, \
        {line.lstrip("/") for line in printed("rpm", "-qlp", rpm).splitlines()}


def lacking_in(in_deb, in_rpm):
    """What should be carried and is not."""
    return [path for path in CARRIED if path not in in_deb] + \
        [path for path in (RPM_PLACES.get(p, p) for p in CARRIED) if path not in in_rpm]


class Desk:
    """The window of what is installed in a root, on a display; everything ends with it."""

    def __init__(self, root, display, bus=None):
        self.root, self.display = root, display
        self.variables = {"DISPLAY": display.name, "GDK_BACKEND": "x11"}
        if bus:
            self.variables["DBUS_SESSION_BUS_ADDRESS"] = bus
        self.log = root.path.parent / "window.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(root.command("/usr/bin/wayleave-desktop", **self.variables), env={}, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.display.picture(ROOT / "target/screens/package-failed.png")
            print(self.log.read_text()[-2000:], flush=True)
        self.wayleave("agent", "stop", check=False)
        self.process.terminate()
        self.process.wait(timeout=60)

    def wayleave(self, *arguments, check=True):
        """What the command line prints."""
        return self.root.run_as_user("/usr/bin/wayleave", *arguments, check=check, **self.variables)

    def status(self):
        return json.loads(self.wayleave("status", "--json"))

    def hands(self, verb, name):
        self.root.run_as_user("/usr/bin/python3", "/tmp/hands.py", verb, name, **self.variables)

    def shown(self):
        """The main window once it has drawn more than a plain area."""
        window = wait_for("the window", lambda: self.display.window(MAIN))
        wait_for("a drawn page", lambda: self.display.colours(window) > 60)
        return window

    def create_vault(self):
        """First run: a platform, a key that one already has, a passphrase."""
        self.shown()
        for name in ("UK EO Data Hub", "With a key you already have", "Go on", "With a passphrase", "Choose a passphrase"):
            self.hands("press", name)
        form = wait_for("the passphrase's window", lambda: self.display.window(FORM))
        self.display.focus(form)
        for field in ("Passphrase", "Again"):
            self.hands("focus", field)
            self.display.type(PASSPHRASE)
        self.display.keys("Return")
        wait_for("an open vault", lambda: self.status()["locked"] is False)
        self.hands("see", "Paste a key")
        return self

    def agent_is_its_own(self):
        """Whether the agent that answers is the installed one, started by the window."""
        pid = json.loads(self.wayleave("agent", "status", "--json"))["pid"]
        return os.readlink(f"/proc/{pid}/exe") == str(self.root.path / "usr/bin/wayleave")


def vault(root):
    """The user's vault as one text: every file of the vault's folder with its digest."""
    return {path: digest for path, digest in root.owned().items() if path.startswith(".local/share/wayleave/")}


def bus(root):
    """A session bus of the root's user; returns its address and the process."""
    address = f"unix:path={root.home}/run/bus"
    daemon = subprocess.Popen(root.command("/usr/bin/dbus-daemon", "--session", "--nofork", f"--address={address}"), env={},
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("a session bus", (root.path / f"{root.home}/run/bus".lstrip("/")).exists)
    return address, daemon


class Deb:
    """Debian's way with the package."""

    kind = "deb"

    def furnish(self, root):
        """Nothing: it is a Debian."""

    def install(self, root, file):
        root.install(root.carry(file))

    def version(self, root):
        return root.run("dpkg-query", "--show", "--showformat=${Version}", NAME)

    def remove(self, root):
        root.run("apt-get", "-q", "--yes", "purge", NAME)


class Rpm:
    """Fedora's way; the libraries that it needs have Debian's names here, hence no dependencies."""

    kind = "rpm"

    def furnish(self, root):
        """The folders that Fedora's `filesystem` and `hicolor-icon-theme` bring, and Debian has not got by itself."""
        for folder in ("bash-completion/completions", "fish/vendor_completions.d", "zsh/site-functions", "icons/hicolor/256x256@2/apps"):
            (root.path / "usr/share" / folder).mkdir(parents=True, exist_ok=True)

    def install(self, root, file):
        subprocess.run(["rpm", "--root", root.path, "--upgrade", "--nodeps", "--ignoreos", "--ignorearch", file], check=True)

    def version(self, root):
        return printed("rpm", "--root", root.path, "--query", "--queryformat", "%{VERSION}", NAME)

    def remove(self, root):
        subprocess.run(["rpm", "--root", root.path, "--erase", "--nodeps", NAME], check=True)


def lived(way, old, new, root, display, report):
    """Install, use, upgrade in the middle of use, use, remove."""
    def tell(name, ok):
        report.check(f"{way.kind}_{name}", int(bool(ok)), "", "1", bool(ok))

    way.furnish(root)
    before = root.system()
    way.install(root, old)
    address, daemon = bus(root)
    try:
        with Desk(root, display, address).create_vault() as desk:
            display.picture(ROOT / f"target/screens/package-{way.kind}.png")
            tell("vault_created_in_the_window", "vault.db" in "".join(vault(root)))
            tell("window_finds_its_agent", desk.agent_is_its_own())
            version, kept = way.version(root), vault(root)
            way.install(root, new)
            tell("upgraded", way.version(root) != version)
            tell("upgrade_in_use_keeps_all", vault(root) == kept and desk.status()["locked"] is False)
        with Desk(root, display, address) as desk:
            desk.shown()
            tell("starts_after_upgrade", desk.status()["locked"] is True and desk.agent_is_its_own())
    finally:
        daemon.terminate()
        daemon.wait()
    home = root.owned()
    way.remove(root)
    left = sorted(root.system() - before)
    print(*(f"left behind: {path}" for path in left), sep="\n", end="" if not left else "\n")
    tell("removed_without_a_trace", not left)
    tell("removal_keeps_the_users", root.owned() == home and vault(root))
    shutil.rmtree(root.path / str(root.home).lstrip("/") / ".local")


def bad_package(deb, folder):
    """The same package made careless: it leaves a file in /etc, and takes the user's vault away when it goes."""
    tree = folder / "bad"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    for name, line in (("postinst", "touch /etc/wayleave-was-here"), ("postrm", "rm -rf /home/*/.local/share/wayleave")):
        script = tree / "DEBIAN" / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", tree, folder / "bad.deb"], check=True, stdout=subprocess.DEVNULL)
    return folder / "bad.deb"


def careless(root, deb, report):
    """The careless package is caught by what `lived` compares."""
    root.run_as_user("mkdir", "-p", ".local/share/wayleave")
    root.run_as_user("/bin/sh", "-c", "echo mine > .local/share/wayleave/vault.db")
    before, home = root.system(), root.owned()
    Deb().install(root, bad_package(deb, root.path.parent))
    Deb().remove(root)
    report.known_bad("a package that leaves a file", root.system() - before == {"etc/wayleave-was-here"})
    report.known_bad("a package that takes the user's vault", root.owned() != home)


def drivable(programs, display, home):
    """Whether WebDriver can make a session with the window in `programs`."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "DISPLAY": display.name,
                   "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1", "TAURI_WEBVIEW_AUTOMATION": "true"}
    home.mkdir(mode=0o700)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    driver = subprocess.Popen(["WebKitWebDriver", f"--port={port}"], env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
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
        # Its window too, which would start another agent.
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        subprocess.run([programs / "wayleave", "agent", "stop"], env=environment, capture_output=True, check=False)


def shipped(deb, rpm, programs, display, scratch, report):
    """What is in the packages, and what must not be."""
    in_deb, in_rpm = contents(deb, rpm)
    lacking = lacking_in(in_deb, in_rpm)
    report.check("files_missing", len(lacking), "files", "0", not lacking, len(CARRIED) * 2, len(lacking))
    report.known_bad("a package without its manual", len(lacking_in(in_deb - {CARRIED[2]}, in_rpm)) == len(lacking) + 1)
    report.check("deb_size", round(deb.stat().st_size / MIB, 1), "MiB", "<=12", deb.stat().st_size <= 12 * MIB)
    subprocess.run(["dpkg-deb", "--extract", deb, scratch / "extracted"], check=True)
    can_drive = drivable(scratch / "extracted/usr/bin", display, scratch / "drive")
    report.check("release_is_drivable", int(can_drive), "", "0", not can_drive)
    report.known_bad("a window built with feature e2e", drivable(programs, display, scratch / "drive-e2e"))


def bare(root, old, display, report):
    """On a machine with nothing but what the package asks for: no session bus, no keyring, no reader."""
    Deb().install(root, old)
    with Desk(root, display) as desk:
        window = desk.shown()
        display.picture(ROOT / "target/screens/package-bare.png")
        report.check("starts_on_a_bare_machine", 1, "", "1", bool(window) and desk.agent_is_its_own())
    Deb().remove(root)


def judge(old, new, programs, scratch):
    """The whole suite; whether all is well. Whatever it mounts, this process alone sees."""
    report = Report("package", "test-package")
    try:
        with Display() as display:
            shipped(only(old, "*.deb"), only(old, "*.rpm"), programs, display, scratch, report)
        with Display() as display:
            root = Root(scratch, CACHE)
            bare(root, only(old, "*.deb"), display, report)
            root.install(*READER)
            root.carry(pathlib.Path(__file__).with_name("hands.py"))
            for way in (Deb(), Rpm()):
                lived(way, only(old, f"*.{way.kind}"), only(new, f"*.{way.kind}"), root, display, report)
            careless(root, only(old, "*.deb"), report)
    except BaseException:
        report.check("ended_early", 1, "", "0", False)
        raise
    finally:
        ok = report.write()
    return ok


def main():
    if os.geteuid() != 0:
        sys.exit("error: packages are installed into a Debian of their own, which needs root\n hint: run: sudo make test-package")
    if len(sys.argv) == 5:
        old, new, programs, scratch = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
        return 0 if judge(old, new, programs, scratch) else 1
    scratch = tempfile.mkdtemp(prefix="wayleave-package-")
    try:
        # A mount namespace of its own: what is mounted in it is gone with it, before the folder is deleted.
        inside = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv, scratch]
        return subprocess.run(inside, check=False).returncode
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    sys.exit(main())
