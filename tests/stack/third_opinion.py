"""A third OpenID provider, of other habits again: Debian's glewlwyd, unpacked and not installed, behind a small hub on loopback.

Its program is fetched by parts.py. The hub in front serves the two calls of the API that the suite needs; a bearer counts there when
glewlwyd gave it out. What a person does at its pages, which are one script, is done by its own API.
"""
import gzip
import http.client
import http.server
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile
import threading

import parts
from bench import wait_for
from stack import free_ports

REALM = "/keycloak/realms"
CLIENT = "wayleave-desktop"
ADMIN, PERSON = ("admin", "password"), ("demo", "demo-password")
CONFIG = """
port={port}
bind_address="127.0.0.1"
external_url="{origin}"
login_url="login.html"
api_prefix="keycloak/realms"
static_files_path="{pages}"
log_mode="console"
log_level="WARNING"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{modules}/user"
user_middleware_module_path="{modules}/none"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{database}"; }};
"""


def plugin(origin, key, public):
    """The provider as one makes it: ES256, refresh tokens that stay, log-out and revocation for those with a secret."""
    return {
        "iss": f"{origin}{REALM}/eodhp", "jwt-type": "ecdsa", "jwt-key-size": "256", "key": key, "cert": public, "jwks-show": True,
        "access-token-duration": 300, "refresh-token-duration": 3600, "code-duration": 60, "refresh-token-rolling": True,
        "allow-non-oidc": True, "auth-type-code-enabled": True, "auth-type-token-enabled": False, "auth-type-id-token-enabled": True,
        "auth-type-none-enabled": False, "auth-type-password-enabled": False, "auth-type-client-enabled": False,
        "auth-type-device-enabled": True, "auth-type-refresh-enabled": True, "pkce-allowed": True, "pkce-method-plain-allowed": False,
        "device-authorization-expiration": 600, "device-authorization-interval": 1, "introspection-revocation-allowed": True,
        "introspection-revocation-allow-target-client": True, "session-management-allowed": True, "session-cookie-name": "SID",
        "session-cookie-expiration": 3600, "allowed-scope": ["openid"], "subject-type": "public", "name-claim": "no",
        "email-claim": "no", "scope-claim": "no",
        "claims": [{"name": "preferred_username", "type": "string", "user-property": "username", "mandatory": True, "on-demand": False}]}


class Hub(http.server.BaseHTTPRequestHandler):
    """Passes the provider's paths on, and judges a bearer by whether it was given out."""
    protocol_version = "HTTP/1.1"
    provider, bearers, requests, refuse_next = 0, set(), [], False

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        status, headers, answer = self.api(path) if path.startswith("/api/") else self.passed_on(body)
        Hub.requests.append((self.command, path, status, body.decode("latin-1").find("grant_type=refresh_token") >= 0))
        Hub.bearers.update(re.findall(rb'"access_token":"([^"]+)"', answer))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def api(self, path):
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        json_ = [("Content-Type", "application/json")]
        if path == "/api/docs/workspace-services/doc.json":
            return 200, json_, b'{"info":{"title":"EODHP Workspace Services API"}}'
        if Hub.refuse_next:
            Hub.refuse_next = False
            Hub.bearers.discard(bearer)
        return (200, json_, b"[]") if bearer in Hub.bearers else (401, json_, b"{}")

    def passed_on(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", Hub.provider, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 502, [], b""
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = serve

    def log_message(self, *_):
        pass


class Glewlwyd:
    """A running one, with one person and one public client."""

    def __init__(self, scratch):
        self.folder = tempfile.mkdtemp(prefix="g", dir=scratch)
        root = parts.GLEWLWYD_HOME
        Hub.provider, = free_ports(1)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        database = f"{self.folder}/glewlwyd.db"
        with sqlite3.connect(database) as tables:
            tables.executescript(gzip.open(root / "usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz", "rt").read())
        config = f"{self.folder}/glewlwyd.conf"
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=Hub.provider, origin=self.origin, pages=tempfile.mkdtemp(dir=self.folder),
                                     modules=root / "usr/lib/glewlwyd", database=database))
        libraries = next(root.glob("usr/lib/*-linux-gnu"))
        with open(f"{self.folder}/log", "wb") as log:
            self.process = subprocess.Popen([root / "usr/bin/glewlwyd", f"--config-file={config}"], stdout=log, stderr=log,
                                            env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
        self.admin = wait_for("glewlwyd", lambda: self.log_in(ADMIN))
        self.configure()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.server.shutdown()

    # --- its API ----------------------------------------------------------------------------------------------------------
    def ask(self, method, path, value=None, cookie=""):
        """(status, where it leads, Set-Cookie) of one call; no redirect is followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=60)
        try:
            body = b"" if value is None else json.dumps(value).encode()
            connection.request(method, path, body, {"Content-Type": "application/json", **({"Cookie": cookie} if cookie else {})})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 400 or value is None, f"{method} {path}: {answer.status} {text}"
            return answer.status, answer.getheader("Location") or "", answer.getheader("Set-Cookie") or ""
        finally:
            connection.close()

    def log_in(self, person):
        assert self.process.poll() is None, pathlib.Path(f"{self.folder}/log").read_text()
        try:
            return self.ask("POST", f"{REALM}/auth/", {"username": person[0], "password": person[1]})[2].split(";")[0]
        except AssertionError:
            return None  # it is still starting

    def configure(self):
        key = parts.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout")
        public = parts.run("openssl", "ec", "-pubout", input=key).partition("-----BEGIN")
        self.post("/mod/plugin/", {"module": "oidc", "name": "eodhp", "display_name": "hub",
                                   "parameters": plugin(self.origin, key, "".join(public[1:]))})
        self.post("/user/", {"username": PERSON[0], "password": PERSON[1], "name": "Demo", "email": "demo@example.org",
                             "scope": ["openid"], "enabled": True})
        self.client = {"client_id": CLIENT, "name": "Wayleave", "confidential": False, "enabled": True, "scope": [],
                       "redirect_uri": ["http://127.0.0.1/callback"],
                       "authorization_type": ["code", "refresh_token", "device_authorization"]}
        self.post("/client/", self.client)

    def post(self, path, value):
        self.ask("POST", REALM + path, value, self.admin)

    def register(self, redirect):
        """Registers this redirect, port and all: it takes no other."""
        self.ask("PUT", f"{REALM}/client/{CLIENT}", {**self.client, "redirect_uri": [redirect]}, self.admin)

    # --- a person at it ---------------------------------------------------------------------------------------------------
    def consent(self):
        """The cookie of somebody who has logged in and agreed."""
        cookie = self.log_in(PERSON)
        self.ask("PUT", f"{REALM}/auth/grant/{CLIENT}", {"scope": "openid"}, cookie)
        return cookie

    def browser(self, address):
        """(status, where an authorisation request leads) for that person."""
        path = address.removeprefix(self.origin)
        return self.ask("GET", path + "&g_continue", None, self.consent())[:2]

    def type_code(self, code):
        self.ask("GET", f"{REALM}/eodhp/device?code={code}&g_continue", None, self.consent())

    def disable_refresh_tokens(self):
        """What an administrator of accounts does, in its table: none that was given out counts any more."""
        with sqlite3.connect(f"{self.folder}/glewlwyd.db", timeout=30) as tables:
            tables.execute("UPDATE gpo_refresh_token SET gpor_enabled = 0")
