#!/usr/bin/env python3
"""The hub in small on loopback: Keycloak, oauth2-proxy and MinIO, real, with the sandbox's API behind them.

    stack.py up PROGRAMS      installs what is missing, starts what is down, waits until all answers (PROGRAMS holds wayleave-sandbox)
    stack.py down             stops what `up` started, by its process ids
    stack.py where            prints the folder of its state
    stack.py missing          names what this machine lacks
State and logs lie in a folder of the cache: `run`, or what WAYLEAVE_STACK_RUN names, so that stacks can run beside each other. Ports are
free ones; `stack.json` there tells them.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import parts
from keycloak import Admin
from realm import SECRETS, realm
from store import prepare_store

HERE = pathlib.Path(__file__).resolve().parent
RUN = parts.CACHE / os.environ.get("WAYLEAVE_STACK_RUN", "run")
STATE = RUN / "stack.json"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
STORE_ROOT = ("wayleave-stack", "root-of-the-store")
JAVA = {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx256m",
        "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC"}
ADMIN = ("stack-admin", "stack-admin-password")
ORDER = ("keycloak", "minio", "sandbox", "proxy", "front")
PATIENCE = 300


def started_at(pid):
    """When a process started, in the kernel's ticks: a number that is used again has another one."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def answers(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


class Stack:
    """The running stack: where its parts are, and what can be done to them."""

    def __init__(self, state):
        self.state = state

    @classmethod
    def load(cls):
        return cls(json.loads(STATE.read_text())) if STATE.exists() else None

    def __getattr__(self, name):
        try:
            return self.__dict__["state"][name]
        except KeyError:
            raise AttributeError(name) from None

    def save(self):
        fresh = STATE.with_suffix(".fresh")
        fresh.write_text(json.dumps(self.state, indent=1))
        fresh.rename(STATE)

    # --- processes --------------------------------------------------------------------------------------------------------
    def lives(self, name):
        pid, start = self.state["pids"].get(name, (0, None))
        return bool(pid) and is_running(pid) and started_at(pid) == start

    def spawn(self, name, command, environment=None, announces=False):
        """Starts a part. What `announces` says on standard output is for whoever starts it: people and their passwords."""
        with open(RUN / f"{name}.log", "ab") as log:
            child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL if announces else log,
                                     stderr=log, cwd=RUN,
                                     env={**os.environ, **(environment or {})}, start_new_session=True)
        self.state["pids"][name] = (child.pid, started_at(child.pid))
        self.save()
        return child

    def await_ready(self, name, child, ready):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if ready():
                return
            if child.poll() is not None:
                tail = (RUN / f"{name}.log").read_text(errors="replace")[-1500:]
                parts.fail(f"{name} ended before it was ready:\n{tail}")
            time.sleep(0.1)
        parts.fail(f"{name} was not ready within {PATIENCE} s; its log: {RUN / name}.log")

    def stop(self, name):
        """By its process id, and its children by their group; kindly first."""
        if self.lives(name):
            pid = self.state["pids"][name][0]
            os.killpg(pid, signal.SIGTERM)
            end = time.monotonic() + 20
            while is_running(pid) and time.monotonic() < end:
                reap(pid)
                time.sleep(0.05)
            if is_running(pid):
                os.killpg(pid, signal.SIGKILL)
                reap(pid)
        self.state["pids"].pop(name, None)
        self.save()

    def start(self, name, **more):
        if not self.lives(name):
            getattr(self, f"start_{name}")(**more)

    # --- parts ------------------------------------------------------------------------------------------------------------
    @property
    def well_known(self):
        return f"{self.keycloak}/keycloak/realms/eodhp/.well-known/openid-configuration"

    def start_keycloak(self, importing=False):
        home = parts.KEYCLOAK_HOME if importing else RUN / "keycloak"
        command = [home / "bin/kc.sh", "start", "--optimized", "--http-enabled=true", "--http-host=127.0.0.1",
                   f"--http-port={self.keycloak.rpartition(':')[2]}", f"--hostname={self.hub}/keycloak",
                   "--hostname-backchannel-dynamic=true", "--proxy-headers=xforwarded",
                   *(["--import-realm"] if importing else [])]
        admin = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN[0], "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN[1]} if importing else {}
        child = self.spawn("keycloak", command, {**JAVA, **admin})
        self.await_ready("keycloak", child, lambda: answers(self.well_known))

    def start_minio(self):
        address = self.s3.partition("//")[2]
        child = self.spawn("minio", [parts.MINIO_PROGRAM, "server", RUN / "objects", "--address", address], {
            "MINIO_ROOT_USER": STORE_ROOT[0], "MINIO_ROOT_PASSWORD": STORE_ROOT[1], "MINIO_BROWSER": "off", "MINIO_UPDATE": "off",
            "MINIO_SITE_REGION": "eu-west-2",
            "MINIO_IDENTITY_OPENID_CONFIG_URL": self.well_known, "MINIO_IDENTITY_OPENID_CLIENT_ID": "wayleave-desktop",
            "MINIO_IDENTITY_OPENID_CLAIM_NAME": "policy"})
        self.await_ready("minio", child, lambda: answers(f"{self.s3}/minio/health/ready"))
        prepare_store(self.s3, *STORE_ROOT)

    def start_sandbox(self):
        behind = {"hub": self.hub, "issuer": self.issuer, "keycloak": f"{self.keycloak}/keycloak/realms/eodhp",
                  "audience": "eodh-workspaces", "client_id": "eodh-workspaces", "client_secret": SECRETS["eodh-workspaces"],
                  "store": self.s3}
        (RUN / "behind.json").write_text(json.dumps(behind))
        child = self.spawn("sandbox", [pathlib.Path(self.programs) / "wayleave-sandbox", "--json",
                                       "--port", self.api.rpartition(":")[2], "--controls", self.controls.rpartition(":")[2],
                                       "--behind", RUN / "behind.json"], announces=True)
        self.await_ready("sandbox", child, lambda: answers(f"{self.api}/api/docs/workspace-services/doc.json"))

    def start_proxy(self, cookie_refresh="4m"):
        public = f"{self.issuer}/protocol/openid-connect"
        inner = f"{self.keycloak}/keycloak/realms/eodhp/protocol/openid-connect"
        settings = {
            "http_address": self.proxy.partition("//")[2], "provider": "keycloak-oidc", "oidc_issuer_url": self.issuer,
            "client_id": "eodh", "client_secret": SECRETS["eodh"], "redirect_url": f"{self.hub}/oauth2/callback",
            "skip_oidc_discovery": True, "login_url": f"{public}/auth", "redeem_url": f"{inner}/token",
            "oidc_jwks_url": f"{inner}/certs", "profile_url": f"{inner}/userinfo", "validate_url": f"{inner}/userinfo",
            "code_challenge_method": "S256", "scope": "openid profile email", "email_domains": ["*"],
            "upstreams": [f"{self.api}/"], "skip_provider_button": True, "reverse_proxy": True,
            "cookie_secret": "0123456789abcdef0123456789abcdef", "cookie_secure": True, "cookie_samesite": "lax",
            "cookie_expire": "10h", "cookie_refresh": cookie_refresh, "session_store_type": "cookie",
            "pass_access_token": True, "pass_authorization_header": False, "pass_user_headers": True,
            "skip_jwt_bearer_tokens": True, "bearer_token_login_fallback": False, "api_routes": ["^/api/"],
            "backend_logout_url": f"{inner}/logout?id_token_hint={{id_token}}",
        }
        file = RUN / "proxy.cfg"
        file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        child = self.spawn("proxy", [parts.PROXY_PROGRAM, "--config", file])
        self.await_ready("proxy", child, lambda: answers(f"{self.proxy}/ping"))

    def start_front(self):
        config = {"listen": int(self.hub.rpartition(":")[2]), "listen_store": int(self.store.rpartition(":")[2]),
                  "controls": int(self.front_controls.rpartition(":")[2]),
                  "certificate": self.certificate, "key": self.key, "keycloak": self.keycloak, "proxy": self.proxy,
                  "api": self.api, "s3": self.s3, "log": str(RUN / "front-access.log")}
        (RUN / "front.json").write_text(json.dumps(config))
        child = self.spawn("front", [sys.executable, HERE / "front.py", RUN / "front.json"])
        port = int(self.hub.rpartition(":")[2])

        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        self.await_ready("front", child, listens)

    def restart_proxy(self, **more):
        self.stop("proxy")
        self.start_proxy(**more)

    def restart_keycloak(self):
        self.stop("keycloak")
        self.start_keycloak()

    def admin(self):
        return Admin(self.keycloak, self.hub, *ADMIN)


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # started by another run of this program


def make_certificates(folder):
    """An authority of this stack's own for one certificate of 127.0.0.1; its key does not outlive the signing."""
    folder.mkdir(exist_ok=True)
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    request, key, certificate = folder / "front.csr", folder / "front.key", folder / "front.pem"
    extensions = folder / "front.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    parts.run("openssl", "req", "-x509", *curve, "-keyout", authority_key, "-out", authority, "-days", "30",
              "-subj", "/CN=Authority of a local test stack", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    parts.run("openssl", "req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=127.0.0.1")
    parts.run("openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial",
              "-out", certificate, "-days", "30", "-extfile", extensions)
    authority_key.unlink()
    request.unlink()
    system = pathlib.Path(BUNDLE)
    bundle = folder / "bundle.pem"
    bundle.write_text((system.read_text() if system.exists() else "") + "\n" + authority.read_text())
    return certificate, key, authority, bundle


def make_pristine():
    """Imports the realm once and keeps the database: later starts take a copy."""
    data = parts.KEYCLOAK_HOME / "data"
    shutil.rmtree(data, ignore_errors=True)
    (data / "import").mkdir(parents=True)
    # Keycloak takes the realm's name from the file's.
    (data / "import/eodhp-realm.json").write_text(json.dumps(realm("https://127.0.0.1:1")))
    port, = free_ports(1)
    stack = Stack({"keycloak": f"http://127.0.0.1:{port}", "hub": "https://127.0.0.1:1", "pids": {}})
    stack.start_keycloak(importing=True)
    stack.stop("keycloak")
    fresh = parts.PRISTINE.with_suffix(".fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(data / "h2", fresh / "h2")
    (fresh / "realm.json").write_text(json.dumps(realm("https://127.0.0.1:1")))
    shutil.rmtree(parts.PRISTINE, ignore_errors=True)
    fresh.rename(parts.PRISTINE)


def pristine_is_current():
    file = parts.PRISTINE / "realm.json"
    return file.exists() and json.loads(file.read_text()) == realm("https://127.0.0.1:1")


def fresh_state(programs):
    ports = free_ports(8)
    at = [f"http://127.0.0.1:{port}" for port in ports]
    hub = f"https://127.0.0.1:{ports[0]}"
    certificate, key, authority, bundle = make_certificates(RUN / "tls")
    return {"hub": hub, "issuer": f"{hub}/keycloak/realms/eodhp", "keycloak": at[1], "proxy": at[2], "api": at[3], "s3": at[4],
            "controls": at[5], "front_controls": at[6], "store": f"https://127.0.0.1:{ports[7]}",
            "certificate": str(certificate), "key": str(key), "authority": str(authority), "bundle": str(bundle),
            "programs": str(programs), "pids": {}}


def up(programs):
    """Everything runs and answers afterwards. What runs already is left alone."""
    parts.install()
    RUN.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    stack = Stack.load()
    if stack and all(stack.lives(name) for name in ORDER) and stack.state["programs"] == str(programs):
        print(f"the stack runs: {stack.hub}")
        return stack
    down()
    if not pristine_is_current():
        parts.timed("Keycloak: realm", make_pristine)
        start = time.monotonic()
    shutil.rmtree(RUN)
    RUN.mkdir()
    # Keycloak keeps its data in its own folder: one of links, and a copy of the data.
    shutil.copytree(parts.KEYCLOAK_HOME, RUN / "keycloak", copy_function=os.link, ignore=shutil.ignore_patterns("data"))
    shutil.copytree(parts.PRISTINE / "h2", RUN / "keycloak/data/h2")
    stack = Stack(fresh_state(programs))
    stack.save()
    for name in ORDER:
        stack.start(name)
        if name == "keycloak":
            stack.admin().set_client("eodh", redirectUris=[f"{stack.hub}/oauth2/callback"],
                                     attributes={"post.logout.redirect.uris": stack.hub + "/"})
    print(f"the stack runs after {time.monotonic() - start:.0f} s: {stack.hub}")
    return stack


def down():
    """Nothing of the stack runs afterwards."""
    stack = Stack.load()
    if stack:
        for name in reversed(ORDER):
            stack.stop(name)
        STATE.unlink(missing_ok=True)


def main():
    match sys.argv[1:]:
        case ["up", programs]:
            up(pathlib.Path(programs).resolve())
        case ["down"]:
            down()
        case ["where"]:
            print(RUN)
        case ["missing"]:
            for what, how in parts.missing():
                print(f"missing: {what}\n   get it: {how}")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
