#!/usr/bin/python3
"""Suite `stack-journey`: the first run in the real window against the true hub in small.

Portal sign-in in the real sign-in window → vault → token on the clipboard → S3 credentials → an object written and read in MinIO →
the end → renewed. Presses are counted in the page itself; a picture of every screen goes to target/screens/stack-*.png.
    usage: inside.sh BUNDLE suite_journey.py PROGRAMS
"""
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

from bench import DEMO, ROOT, Bench, wait_for
from display import Display
from store import BUCKET, client
from suite_portal import sign_in_by_keys
from suite_sts import SHORT, refusal

CLICKS = 6
PATIENCE = 120
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
COUNT = ("if (window.presses === undefined) { window.presses = 0; addEventListener('pointerdown', (e) => "
         "{ if (e.isTrusted) window.presses += 1; }, true); } return window.presses;")


class Desktop:
    """A display, a bus and a WebDriver of their own, and a home."""

    def __init__(self, bench):
        self.bench, self.display = bench, Display()
        self.home = bench.scratch / "desktop"
        for folder in ("run", "wayleave", "wayleave/config", ".local/share"):
            (self.home / folder).mkdir(mode=0o700, parents=True)
        tiles = [{"platform": "eodh", "name": "Stack", "subtitle": "the hub in small",
                  "connection": {"environment": "custom", "hub": bench.stack.hub}}]
        (self.home / "wayleave/config/tiles.json").write_text(json.dumps(tiles))
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"),
            "WAYLEAVE_HOME": str(self.home / "wayleave"), "DISPLAY": self.display.name, "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1",
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


def first_run(bench, desktop, page):
    """From the first paint to a key on the clipboard: the presses that it took."""
    page.sees("Where is your data?")
    desktop.picture("welcome")
    page.press("Stack", starting=True)
    page.sees("Sign in to Stack")
    page.press("Open the sign-in window")
    sign_in_by_keys(bench.front, desktop.display, DEMO, ROOT / "target/screens/stack-sign-in.png")
    page.sees("Protect your keys")
    desktop.picture("protect")
    page.press("Protect and go on")
    page.sees("Create a key")
    desktop.picture("create")
    page.press("Create and copy")
    key = wait_for("the key on the clipboard", desktop.clipboard)
    page.sees("API token")
    desktop.picture("credentials")
    return key, page.presses()


def s3_credentials(desktop, page):
    """The one row of S3 credentials, made in the window, and a client that holds nothing but them."""
    page.press("More ways to get a key")
    page.press("Get S3 credentials")
    page.press("Get credentials")
    row = wait_for("the row", lambda: next(iter(desktop.wayleave("list", "--kind", "s3")), None), PATIENCE)
    desktop.picture("s3")
    return row, holder(desktop, row)


def holder(desktop, row):
    lines = desktop.run(desktop.bench.programs / "wayleave", "env", row["id"]).splitlines()
    env = {k.removeprefix("export "): v.strip("'\"") for k, v in (line.split("=", 1) for line in lines if "=" in line)}
    return client(env["AWS_ENDPOINT_URL_S3"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])


def journey(bench):
    check = bench.report.check
    admin = bench.stack.admin()
    bench.control("s3_lifetime", seconds=SHORT * 2)
    admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": str(SHORT * 2)})
    try:
        with Desktop(bench) as desktop:
            page = Page(desktop)
            key, clicks = first_run(bench, desktop, page)
            check("first_key_clicks", clicks, "clicks", f"<={CLICKS}", 0 < clicks <= CLICKS)
            check("key_on_the_clipboard", float(key.startswith("454f4448")), "", "1", key.startswith("454f4448"))
            ok = use_store(bench, admin, desktop, page)
            page.send("DELETE", "")
            return ok and clicks <= CLICKS
    finally:
        bench.control("s3_lifetime", seconds=None)
        admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": ""})


def use_store(bench, admin, desktop, page):
    """Writes and reads an object, waits for the end, renews in the window's row, reads again."""
    check = bench.report.check
    row, s3 = s3_credentials(desktop, page)
    key = f"{row['workspace']}/journey.txt"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"a walk over the moor")
    before = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"a walk over the moor"
    check("object_written_and_read", float(before), "", "1", before)
    wait_for("the end", lambda: refusal(lambda: s3.get_object(Bucket=BUCKET, Key=key)), PATIENCE + SHORT * 2)
    said = refusal(lambda: s3.get_object(Bucket=BUCKET, Key=key))
    check("refused_after_the_end", float(said == "InvalidAccessKeyId"), "", "1", said == "InvalidAccessKeyId")
    desktop.picture("s3-expired")
    bench.control("s3_lifetime", seconds=None)
    admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": ""})
    renewed = desktop.wayleave("s3", "request", "-w", row["workspace"])
    again = holder(desktop, renewed).get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"a walk over the moor"
    rows = len(desktop.wayleave("list", "--kind", "s3"))
    check("readable_when_renewed", float(again), "", "1", again and rows == 1)
    desktop.picture("s3-renewed")
    # The same key, as it was before the end: it must stay refused.
    still = refusal(lambda: s3.get_object(Bucket=BUCKET, Key=key))
    bench.report.known_bad("the old credentials, after renewing", still == "InvalidAccessKeyId")
    return before and said == "InvalidAccessKeyId" and again and rows == 1


def main():
    bench = Bench("stack-journey", sys.argv[1])
    bench.case("first run to an object in the store, its end, and renewal", journey, bench)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
