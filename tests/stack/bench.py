"""What the suites share: the stack, its front server's orders, Wayleave with homes of its own, and the report."""
import base64
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e/shared"))

from browser import Browser  # noqa: E402
from display import wait_for  # noqa: E402
from realm import PEOPLE  # noqa: E402
from report import ROOT, Report  # noqa: E402, F401
from stack import Stack  # noqa: E402

DEMO = ("demo", PEOPLE["demo"][0])
ADA = ("ada", PEOPLE["ada"][0])
PASSPHRASE = "seven quiet otters cross the estuary"
# What scripts were promised (`wayleave help exit-codes`); every other code is 1.
EXITS = {"no_vault": 3, "vault_locked": 3, "not_signed_in": 4, "session_ended": 4, "forbidden": 5, "rejected": 5,
         "not_supported": 5, "rate_limited": 5, "offline": 6, "timed_out": 6, "not_found": 7, "expired": 8, "cancelled": 9,
         "sign_in_refused": 9}


def hears_interrupts():
    """What a shell starts in the background without job control ignores Ctrl C, and so would all that it starts in turn."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Front:
    """Orders to the front server (front.py)."""

    def __init__(self, controls):
        self.controls = controls

    def order(self, do, **more):
        request = urllib.request.Request(self.controls, json.dumps({"do": do, **more}).encode())
        with urllib.request.urlopen(request, timeout=400) as answer:
            return json.loads(answer.read())

    def rule(self, do, path, **more):
        return self.order("rule", rule={"do": do, "path": path, **more})

    def await_rule(self, rule, what="waiting", count=1, seconds=120):
        assert self.order("await", id=rule, what=what, count=count, seconds=seconds), f"nothing came to rule {rule}"

    def release(self, rule):
        self.order("release", id=rule)

    def clear(self):
        self.order("clear")

    def seen(self, path="", **match):
        return [row for row in self.order("seen") if path in row["path"] and all(row[k] == v for k, v in match.items())]

    def refused(self, words, check):
        """A check in whose course Keycloak must refuse something with these words."""
        def checked():
            self.order("refusals")
            ok = check()
            told = self.order("refusals")
            assert any(words in text for text in told), f"Keycloak said {told}, and not “{words}”"
            return ok
        return checked

    def refreshes(self):
        return self.seen("/token", grant="refresh_token")


class Failed(Exception):
    """A command that said no: `.code`, `.error` (its JSON), `.exit`."""

    def __init__(self, arguments, exit_code, stderr):
        self.exit, self.stderr = exit_code, stderr
        lines = [line for line in stderr.splitlines() if line.startswith("{")]
        try:
            self.error = json.loads(lines[-1] if lines else stderr)["error"]
        except (ValueError, KeyError):
            self.error = {}
        self.code = self.error.get("code", "")
        super().__init__(f"wayleave {' '.join(arguments)}: exit {exit_code}: {stderr.strip()[-400:]}")

    @property
    def helpful(self):
        """Whether it says what happened, what was kept and what to do, and ends as scripts were promised."""
        return all(self.error.get(part) for part in ("message", "kept", "advice")) and self.exit == EXITS.get(self.code, 1)


class Home:
    """Wayleave with a folder of its own; its agent ends with it."""

    def __init__(self, bench, client_id="wayleave-desktop", environment=None, vault=True, folder=None, hub=None):
        self.bench = bench
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="h", dir=bench.scratch))
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "WAYLEAVE_HOME": str(self.folder / "w"),
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "WAYLEAVE_LOG": "debug", **(environment or {})}
        self.program = bench.programs / "wayleave"
        if folder is None:
            if vault:
                self.json("init", "--passphrase-stdin", stdin=PASSPHRASE)
            client = ["--client-id", client_id] if client_id else []
            self.json("account", "add", "eodh", "--name", "Stack", "--environment", "custom", "--hub", hub or bench.stack.hub, *client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("agent", "stop")

    def spawn(self, *arguments, program=None, **more):
        return subprocess.Popen([str(program or self.program), *arguments], env=self.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def run(self, *arguments, stdin=""):
        child = self.spawn(*arguments)
        out, err = child.communicate(stdin, timeout=180)
        self.bench.outputs.append(out + err)
        return child.returncode, out, err

    def json(self, *arguments, stdin=""):
        code, out, err = self.run(*arguments, "--json", stdin=stdin)
        if code != 0:
            raise Failed(arguments, code, err)
        return json.loads(out) if out.strip() else None

    def refused(self, *arguments, stdin=""):
        """The `Failed` of a command that must fail and lose nothing."""
        before = self.held()
        try:
            self.json(*arguments, stdin=stdin)
        except Failed as failed:
            self.lost_nothing(before)
            return failed
        raise AssertionError(f"wayleave {' '.join(arguments)} succeeded")

    def held(self):
        """What the vault holds: every credential's id, name and end, and whether it was revoked."""
        return sorted((row["id"], row["name"], str(row.get("expires")), row["state"] == "revoked") for row in self.json("list"))

    def hold_something(self):
        """S3 credentials in the vault, so that there is something to lose; needs a session. No API token: that could act for it."""
        if not self.held():
            mine = next(w["name"] for w in self.json("workspaces") if w["name"] in ("demo-ws", "coastal-lab"))
            self.run("s3", "request", "-w", mine)

    def lost_nothing(self, before):
        """What an error may never touch."""
        after = self.held()
        assert after == before, f"the vault held {before}, and now {after}"

    def account(self):
        return self.json("account", "list")[0]

    def state(self):
        return self.account()["sign_in"]["state"]

    def agent(self):
        """The agent's process id, by its home in its environment."""
        mark = f"WAYLEAVE_HOME={self.folder / 'w'}".encode()
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and b"agent" in (entry / "cmdline").read_bytes() \
                        and mark in (entry / "environ").read_bytes().split(b"\0") \
                        and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    return int(entry.name)
            except OSError:
                pass
        return None

    def kill_agent(self):
        """kill -9, and nothing of it is left afterwards."""
        pid = self.agent()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        wait_for("the agent's end", lambda: self.agent() != pid, every=0.01)

    def unlock(self):
        self.begin_unlock()()

    def begin_unlock(self):
        """Opens the vault while something else goes on. To be called before the home is used: what it returns."""
        arguments = ["unlock", "--passphrase-stdin", "--json"]
        child = self.spawn(*arguments)
        child.stdin.write(PASSPHRASE)
        child.stdin.close()
        child.stdin = None

        def opened():
            out, err = child.communicate(timeout=180)
            self.bench.outputs.append(out + err)
            if child.returncode != 0:
                raise Failed(arguments, child.returncode, err)
        return opened

    # --- signing in -------------------------------------------------------------------------------------------------------
    def waiting(self, *arguments):
        child = self.spawn("sign-in", *arguments, "--json", start_new_session=True, preexec_fn=hears_interrupts)
        return Waiting(child, self)

    def sign_in(self, browser=None, person=DEMO, consent=True):
        """In the scripted system browser; the account's view."""
        browser = browser or self.bench.browser()
        waiting = self.waiting("--with", "browser", "--no-open", "--replace")
        back = browser.sign_in(waiting.told("open"), person, consent)
        if back:
            self.bench.visit(back)
        else:
            self.run("sign-in", "cancel")
        return waiting.finish()

    def sign_in_portal(self, browser=None, person=DEMO):
        cookies = (browser or self.bench.browser()).portal(self.bench.stack.hub, person)
        return self.json("sign-in", "--with", "portal", "--cookies-stdin", stdin=f"Cookie: {cookies}\n")


class Waiting:
    """A sign-in that waits for somebody."""

    def __init__(self, child, home):
        self.child, self.home, self.lines = child, home, []
        child.stdin.close()
        self.before = home.held()

    def told(self, word):
        for line in self.child.stderr:
            self.lines.append(line)
            if line.startswith(word + "  "):
                return line[len(word) + 2:].strip()
        raise Failed(["sign-in"], self.child.wait(), "".join(self.lines))

    def interrupt(self):
        """Ctrl C in a terminal: to the command and to the window that it started."""
        os.killpg(self.child.pid, signal.SIGINT)

    def finish(self, seconds=120):
        self.child.stdin = None
        try:
            out, err = self.child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise
        err = "".join(self.lines) + err
        self.home.bench.outputs.append(out + err)
        if self.child.returncode != 0:
            raise Failed(["sign-in"], self.child.returncode, err)
        return json.loads(out)

    def refused(self, seconds=120):
        try:
            value = self.finish(seconds)
        except Failed as failed:
            self.home.lost_nothing(self.before)
            return failed
        raise AssertionError(f"it signed in: {value}")


class Bench:
    """One suite's run."""

    def __init__(self, suite, programs):
        self.report = Report(suite, "test-stack")
        self.programs = pathlib.Path(programs).resolve()
        self.stack = Stack.load()
        assert self.stack and self.stack.lives("front"), "the stack is down: make stack"
        self.front = Front(self.stack.front_controls)
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="wl-stack-"))
        self.outputs, self.errors = [], []

    def browser(self):
        return Browser(self.stack.authority)

    def tokens(self, client_id="wayleave-desktop"):
        """Tokens of a desktop client, got as one gets them."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        redirect = "http://127.0.0.1:9/callback"
        query = {"client_id": client_id, "response_type": "code", "redirect_uri": redirect, "scope": "openid", "state": "x",
                 "code_challenge": challenge, "code_challenge_method": "S256"}
        base = f"{self.stack.issuer}/protocol/openid-connect"
        browser = self.browser()
        back = browser.sign_in(f"{base}/auth?{urllib.parse.urlencode(query)}", DEMO)
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
        page = browser.get(f"{base}/token", {"grant_type": "authorization_code", "client_id": client_id, "code": code,
                                             "redirect_uri": redirect, "code_verifier": verifier})
        return json.loads(page.body)

    def visit(self, url):
        """What the browser does with an address on this computer; (status, page), or None when nobody listens."""
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError:
            return None

    def control(self, do, **more):
        """An order to the sandbox."""
        request = urllib.request.Request(self.stack.controls, json.dumps({"do": do, **more}).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def case(self, name, check, *arguments):
        """One check; it fails when it raises or returns something false."""
        self.front.clear()
        start = time.monotonic()
        try:
            ok = check(*arguments)
            ok = ok is None or bool(ok)
        except Exception:  # noqa: BLE001: any failure is the check's, and the others go on
            ok = False
            print(traceback.format_exc(), flush=True)
        print(f"  {'ok    ' if ok else 'FAILED'} {name} ({time.monotonic() - start:.1f} s)", flush=True)
        self.report.check(name, float(ok), "", "1", ok)
        self.front.clear()
        return ok

    def end_agents(self):
        """Ends the agents of this run's homes, whatever became of the checks that started them."""
        mark = f"WAYLEAVE_HOME={self.scratch}/".encode()
        for entry in pathlib.Path("/proc").iterdir():
            try:
                ours = entry.name.isdigit() and any(v.startswith(mark) for v in (entry / "environ").read_bytes().split(b"\0"))
                if ours:
                    os.kill(int(entry.name), signal.SIGTERM)
            except OSError:
                pass

    def finish(self):
        self.end_agents()
        shutil.rmtree(self.scratch, ignore_errors=True)
        if len(sys.argv) > 2:
            # Some checks of a suite are no report of it.
            return 0 if all(check["ok"] for check in self.report.checks) else 1
        return 0 if self.report.write() else 1


def with_query(url, **changes):
    """The address with parameters changed; None takes one away."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    query.update(changes)
    query = {key: value for key, value in query.items() if value is not None}
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))
