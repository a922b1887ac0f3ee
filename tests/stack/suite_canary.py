#!/usr/bin/python3
"""Suite `stack-canary`: looks for every secret of a whole journey in all logs and in every place that is not meant for secrets.

Wayleave is driven through every way to sign in, keys and S3; all of its processes' arguments are watched meanwhile. Then every
secret it was given is searched, plain and in the usual encodings, in what it printed and logged, and in the servers' logs: the
front server's (URL, Referer, User-Agent), Keycloak's, oauth2-proxy's, MinIO's, the API's.
    usage: inside.sh BUNDLE suite_canary.py PROGRAMS
"""
import base64
import json
import pathlib
import sys
import threading
import time
import urllib.parse
import urllib.request

from bench import DEMO, PASSPHRASE, Bench, Home
from stack import RUN


def encodings(secret):
    """A secret as it may appear: plain, percent-encoded, base64 in its three alignments, hex."""
    raw = secret.encode()
    forms = {raw, urllib.parse.quote(secret, safe="").encode(), raw.hex().encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift]:]
        forms.add(text.rstrip(b"=")[:-1])
    return {form for form in forms if len(form) >= 12}


class Watch(threading.Thread):
    """Arguments of every process of Wayleave, read over and over."""

    def __init__(self, scratch):
        super().__init__(daemon=True)
        self.mark, self.argv, self.over = f"WAYLEAVE_HOME={scratch}/".encode(), set(), False

    def run(self):
        while not self.over:
            for entry in pathlib.Path("/proc").iterdir():
                try:
                    if entry.name.isdigit() and self.mark in (entry / "environ").read_bytes():
                        self.argv.add((entry / "cmdline").read_bytes())
                except OSError:
                    pass
            time.sleep(0.01)


class Journey:
    """Everything with secrets in it, once; the secrets by their names."""

    def __init__(self, bench):
        self.bench, self.secrets = bench, {"passphrase": PASSPHRASE, "password": DEMO[1]}

    def go(self):
        bench = self.bench
        front = bench.stack
        home = Home(bench)
        browser = bench.browser()
        waiting = home.waiting("--with", "browser", "--no-open")
        back = browser.sign_in(waiting.told("open"), DEMO)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
        bench.visit(back)
        waiting.finish()
        self.secrets["authorisation code"] = query["code"]
        home.json("workspaces")
        bench.front.rule("answer", "^/api/workspaces", status=401)
        home.json("workspaces")
        waiting = home.waiting("--with", "device", "--replace")
        browser.device(waiting.told("open"), DEMO, waiting.told("code"))
        waiting.finish()
        self.secret_of(home, home.json("token", "request", "-w", "demo-ws", "--name", "canary"), ["api_key"])
        home.json("verify", "canary")
        self.secret_of(home, home.json("s3", "request", "-w", "demo-ws"), ["secret_access_key", "session_token"])
        home.json("sign-out", "--everywhere")
        cookies = bench.browser().portal(front.hub, DEMO)
        home.json("sign-in", "--with", "portal", "--cookies-stdin", stdin=f"Cookie: {cookies}\n")
        for part in cookies.split("; "):
            name, _, value = part.partition("=")
            self.secrets[f"cookie {name}"] = value
        home.json("workspaces")
        home.json("token", "revoke", "canary", "--yes")
        home.json("sign-out", "--everywhere")
        self.logs = list((home.folder / "w").rglob("*.log"))
        return home

    def secret_of(self, home, row, fields):
        for field in fields:
            code, out, err = self.reveal(home, row["id"], field)
            assert code == 0, err
            self.secrets[field] = out.strip()

    def reveal(self, home, row, field):
        """Past the record of outputs: this one is to hold the secret."""
        child = home.spawn("reveal", row, "--field", field)
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err


def places(bench, journey, watch):
    """Where no secret may be, by name."""
    urls = (RUN / "front-access.log").read_bytes()
    rows = [json.loads(line) for line in urls.decode().splitlines()]
    # The browser's own requests carry what the protocol puts there (code and state in the proxy's callback).
    ours = [row for row in rows if "wayleave" in row[3].lower() or row[3] != "a test's browser"]
    texts = {"the front server's log: URL, Referer, User-Agent": json.dumps(ours).encode(),
             "argv": b"\n".join(watch.argv), "what Wayleave printed": "\n".join(bench.outputs).encode()}
    for name in ("keycloak", "proxy", "minio", "sandbox", "front"):
        texts[f"log of {name}"] = (RUN / f"{name}.log").read_bytes()
    for log in journey.logs:
        texts[f"Wayleave's log {log.name}"] = log.read_bytes()
    return texts


def hits(texts, secrets):
    found = []
    for what, secret in secrets.items():
        for form in encodings(secret):
            found += [(where, what) for where, text in texts.items() if form in text]
    return sorted(set(found))


def main():
    bench = Bench("stack-canary", sys.argv[1])
    (RUN / "front-access.log").write_text("")
    journey = Journey(bench)
    watch = Watch(bench.scratch)
    watch.start()
    home = journey.go()
    home.run("agent", "stop")
    watch.over = True
    watch.join()
    journey.secrets.update(given_by_keycloak(bench))
    texts = places(bench, journey, watch)
    found = hits(texts, journey.secrets)
    for where, what in found:
        print(f"    hit: {what} in {where}", flush=True)
    bench.report.check("hits", len(found), "hits", "=0", not found, len(texts) * len(journey.secrets), len(found))
    bench.report.check("secrets_searched", len(journey.secrets), "secrets", ">=10", len(journey.secrets) >= 10)
    bench.report.check("places_searched", len(texts), "places", ">=9", len(texts) >= 9)
    bench.report.check("processes_watched", len(watch.argv), "argument lists", ">=10", len(watch.argv) >= 10)
    planted(bench, journey, watch)
    return bench.finish()


def given_by_keycloak(bench):
    """Every token of the token endpoint's answers; the front server kept them in its memory for this."""
    return {f"token {n}": token for n, token in enumerate(bench.front.order("tokens"))}


def planted(bench, journey, watch):
    """A secret in each of the four places must be seen."""
    key = journey.secrets["api_key"]
    for name, request in {
            "URL": urllib.request.Request(bench.stack.hub + f"/api/workspaces?key={key}", headers={"User-Agent": "wayleave"}),
            "Referer": urllib.request.Request(bench.stack.hub + "/api/x", headers={"User-Agent": "wayleave", "Referer": f"https://x/{key}"}),
            "User-Agent": urllib.request.Request(bench.stack.hub + "/api/x", headers={"User-Agent": f"wayleave {urllib.parse.quote(key)}"}),
    }.items():
        (RUN / "front-access.log").write_text("")
        ask(bench, request)
        bench.report.known_bad(f"a key in {name}", bool(hits(places(bench, journey, watch), {"api_key": key})))
    (RUN / "front-access.log").write_text("")
    watch.argv.add(b"wayleave\0--key\0" + base64.b64encode(key.encode()))
    bench.report.known_bad("a key in argv, as base64", bool(hits(places(bench, journey, watch), {"api_key": key})))


def ask(bench, request):
    import ssl  # noqa: PLC0415
    try:
        urllib.request.urlopen(request, context=ssl.create_default_context(cafile=bench.stack.authority), timeout=30)
    except OSError:
        pass  # whatever it says: it has been asked


if __name__ == "__main__":
    sys.exit(main())
