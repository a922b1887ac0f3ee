"""The real QGIS on a display, used as a person does."""
import os
import pathlib
import subprocess

from display import wait_for

MASTER_PASSWORD = "a master password 7"
# Without a keyring QGIS would wait for one for ever (measured on 3.22); the version check wants the network.
SETTINGS = "[auth]\nuse_password_helper=false\n[qgis]\ncheckVersion=false\n"
DIALOG = "^Enter Credentials$"


class Profile:
    """A home of its own with one QGIS profile in the default place."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.folder = self.home / ".local/share/QGIS/QGIS3/profiles/default"
        (self.folder / "QGIS").mkdir(parents=True)
        (self.folder / "QGIS/QGIS3.ini").write_text(SETTINGS)
        self.runtime = self.home / "run"
        self.runtime.mkdir(mode=0o700)

    def environment(self, display=None):
        """What QGIS sees: this home, no session bus, no other display."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        more = {"DISPLAY": display.name} if display else {"QT_QPA_PLATFORM": "offscreen"}
        # QGIS leaves folders in its temporary folder: there they go with the home.
        return {**kept, **more, "PATH": "/usr/bin:/bin", "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.runtime),
                "TMPDIR": str(self.runtime), "NO_AT_BRIDGE": "1"}


class Qgis:
    """One running QGIS; ended by `quit` or at the latest by leaving the `with` block."""

    def __init__(self, prefix, display, profile, code=None):
        self.display = display
        self.log = profile.home / "qgis.log"
        self.presses = 0  # of a pointer, by the person, inside QGIS
        command = [str(prefix / "bin/qgis"), "--nologo", *(["--code", str(code)] if code else [])]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=profile.environment(display), cwd=profile.home,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.main = wait_for("QGIS' window", lambda: self.alive() and display.window("QGIS$"))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"QGIS ended with {self.process.returncode}: {self.log.read_text(errors='replace')[-500:]}")
        return True

    def give_master_password(self, new):
        """Answers QGIS' own dialog by keyboard; a new password is typed twice."""
        dialog = wait_for("the master password's dialog", lambda: self.alive() and self.display.window(DIALOG))
        self.display.focus(dialog)
        self.display.type(MASTER_PASSWORD)
        if new:
            self.display.keys("Tab")
            self.display.type(MASTER_PASSWORD)
        self.display.keys("Return")
        wait_for("the dialog's end", lambda: self.alive() and not self.display.window(DIALOG))

    def open_console(self, scratch):
        """Opens the Python Console (one press of its button, here by its shortcut) and waits until it takes a line."""
        self.display.focus(self.main)
        self.display.keys("ctrl+alt+p")
        self.presses += 1
        probe = scratch / "console-is-open"

        def answers():
            self.type_line(f"open({str(probe)!r}, 'w').close()")
            try:
                return wait_for("the console", probe.exists, seconds=5)
            except TimeoutError:
                return False

        wait_for("the Python Console", answers, seconds=60)

    def type_line(self, line):
        self.display.focus(self.main)
        self.display.type(line)
        self.display.keys("Return")

    def quit(self):
        """Leaves QGIS as a person does, so that it writes what it writes at its end."""
        self.display.focus(self.main)
        self.display.keys("ctrl+q")
        self.process.wait(timeout=60)
