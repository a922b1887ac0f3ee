"""The sandbox platform, and Wayleave on it with a vault of its own: the real programs."""
import http.cookiejar
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request


class Sandbox:
    """`wayleave-sandbox` for as long as the `with` block."""

    def __init__(self, programs):
        self.process = subprocess.Popen([programs / "wayleave-sandbox", "--json", "--controls", "0", "--until-stdin-closes"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())
        self.hub = self.about["hub"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=20)

    def control(self, do, **more):
        request = urllib.request.Request(self.about["controls"], json.dumps({"do": do, **more}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def portal_cookies(self):
        """Signs in at the portal's pages as a browser does; the `Cookie` header that the hub would get."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        page = browser.open(self.hub + "/oauth2/start?rd=/workspaces/", timeout=20)
        action = re.search(r'<form id="kc-form-login" method="post" action="([^"]+)"', page.read().decode())[1]
        target = urllib.parse.urljoin(page.url, action.replace("&amp;", "&"))
        form = {"username": self.about["username"], "password": self.about["password"], "credentialId": ""}
        browser.open(target, urllib.parse.urlencode(form).encode(), timeout=20).read()
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar if cookie.path == "/")


class Wayleave:
    """The command line with a home of its own; the agent looks for QGIS in the folders of `path` first."""

    def __init__(self, programs, home, path):
        self.program = programs / "wayleave"
        self.home = home
        self.environment = {**os.environ, "WAYLEAVE_HOME": str(home), "PATH": path + os.pathsep + os.environ["PATH"]}
        home.mkdir(mode=0o700)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call("agent", "stop", check=False)

    def call(self, *arguments, stdin="", check=True):
        """(exit code, stdout, stderr) of one command; raises when it fails and `check` is on."""
        done = subprocess.run([self.program, *arguments], input=stdin, text=True, capture_output=True, timeout=120, check=False,
                              env=self.environment)
        if check and done.returncode != 0:
            raise RuntimeError(f"wayleave {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.returncode, done.stdout, done.stderr

    def ask(self, *arguments, stdin=""):
        """The JSON value that a command prints."""
        out = self.call(*arguments, "--json", stdin=stdin)[1]
        return json.loads(out) if out.strip() else None

    def begin(self, sandbox):
        """A vault, an account on the sandbox, signed in; keeps the user name and the workspace to use."""
        self.call("init", "--passphrase-stdin", stdin="a long passphrase for tests\n")
        self.ask("account", "add", "eodh", "--hub", sandbox.hub)
        self.call("sign-in", "--with", "portal", "--cookies-stdin", stdin=sandbox.portal_cookies() + "\n")
        self.username = self.ask("account", "list")[0]["username"]
        self.workspace = next(w["name"] for w in self.ask("workspaces") if w["can_issue"])

    def new_token(self, name):
        """(credential, key) of a token that was just requested."""
        credential = self.ask("token", "request", "-w", self.workspace, "--name", name)
        key = self.call("reveal", credential["id"], "--field", "api_key")[1].strip()
        return credential, key
