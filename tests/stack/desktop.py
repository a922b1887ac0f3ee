"""The real window in a desktop session of its own, driven as a person drives it."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

from bench import ROOT, wait_for
from display import Display

PATIENCE = 120
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
COUNT = ("if (window.presses === undefined) { window.presses = 0; addEventListener('pointerdown', (e) => "
         "{ if (e.isTrusted) window.presses += 1; }, true); } return window.presses;")


class Desktop:
    """A display, a bus, a keyring and a WebDriver of their own. Wayleave's home is a fresh one, or that of a `Home` (bench.py)."""

    def __init__(self, bench, shared=None):
        self.bench, self.display = bench, Display()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="d", dir=bench.scratch))
        for folder in ("run", ".local/share"):
            (self.home / folder).mkdir(mode=0o700, parents=True)
        wayleave = shared.environment["WAYLEAVE_HOME"] if shared else self.fresh_home()
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"),
            "WAYLEAVE_HOME": str(wayleave), "DISPLAY": self.display.name, "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1",
            "GSETTINGS_BACKEND": "memory", "WEBKIT_DISABLE_DMABUF_RENDERER": "1"}
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
                                    stdout=subprocess.PIPE, text=True, env=self.environment)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().strip()
        self.keyring = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
                                        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=self.environment)
        self.keyring.stdin.write(b"keyring of a test")
        self.keyring.stdin.close()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.driver = subprocess.Popen(["WebKitWebDriver", f"--port={self.port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL,
                                       env={**self.environment, "TAURI_WEBVIEW_AUTOMATION": "true"})
        wait_for("WebDriver", self.driver_listens)
        wait_for("the keyring", lambda: "true" in self.run(
            "dbus-send", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"))

    def fresh_home(self):
        """A home that knows the stack as a tile, and nothing else."""
        config = self.home / "wayleave/config"
        config.mkdir(mode=0o700, parents=True)
        tiles = [{"platform": "eodh", "name": "Stack", "subtitle": "the hub in small",
                  "connection": {"environment": "custom", "hub": self.bench.stack.hub}}]
        (config / "tiles.json").write_text(json.dumps(tiles))
        return config.parent

    def driver_listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run(self.bench.programs / "wayleave", "agent", "stop")
        for process in (self.driver, self.keyring, self.bus):
            process.terminate()
            process.wait(timeout=30)
        self.display.__exit__()

    def run(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
                              stdin=subprocess.DEVNULL)
        return done.stdout

    def wayleave(self, *arguments):
        return json.loads(self.run(self.bench.programs / "wayleave", *arguments, "--json"))

    def clipboard(self):
        return self.run("xclip", "-selection", "clipboard", "-o", "-t", "UTF8_STRING")

    def picture(self, name):
        window = wait_for("the window", lambda: self.display.window("^Wayleave$"))
        file = ROOT / f"target/screens/stack-{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        self.run("import", "-window", window, file)


class Page:
    """The window's page through WebDriver, by the names that a screen reader hears."""

    def __init__(self, desktop):
        self.desktop, self.base = desktop, f"http://127.0.0.1:{desktop.port}/session"
        program = desktop.bench.programs / "wayleave-desktop"
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": {"binary": str(program), "args": []}}}}
        self.base += "/" + self.send("POST", "", wanted)["sessionId"]
        self.script(COUNT)

    def send(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())["value"]

    def script(self, text):
        return self.send("POST", "/execute/sync", {"script": text, "args": []})

    def presses(self):
        return self.script("return window.presses")

    def find(self, path):
        try:
            return self.send("POST", "/element", {"using": "xpath", "value": path})[ELEMENT]
        except urllib.error.HTTPError:
            return None

    def snapshot(self):
        """What the agent shows its clients, as the window gets it."""
        return self.send("POST", "/execute/async", {"args": [], "script":
            "const told = arguments[0]; window.__TAURI_INTERNALS__.invoke('current_snapshot').then(told, () => told(null));"})

    def press(self, name, starting=False):
        quoted = f"'{name}'"
        where = (f"starts-with(normalize-space(.),{quoted}) or .//*[normalize-space(text())={quoted}]" if starting
                 else f"@aria-label={quoted} or normalize-space(.)={quoted}")
        path = f"//*[self::button or self::a or self::summary or @role='menuitem'][not(@disabled)][{where}]"

        def pressed():
            element = self.find(path)
            try:
                return element and self.send("POST", f"/element/{element}/click", {}) is None
            except urllib.error.HTTPError:
                return False
        self.until(f"a press on “{name}”", pressed)

    def sees(self, text):
        self.until(f"“{text}”", lambda: self.find(f"//body//*[contains(normalize-space(.), '{text}')]"))

    def until(self, what, look):
        try:
            return wait_for(what, look, PATIENCE)
        except TimeoutError:
            print(self.script("return document.body.innerText"), flush=True)
            raise
