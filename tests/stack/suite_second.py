#!/usr/bin/python3
"""Suite `stack-second`: a second opinion on sign-in, by npm oidc-provider: no `interval`, other texts, no log-out without a browser;
and a third, by glewlwyd: ES256, refresh tokens that stay, redirects by their port, refusals without a word, nothing to end a session by.
    usage: suite_second.py PROGRAMS [REGEX]
"""
import html
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import parts
from bench import HERE, Bench, Home, wait_for, with_query
from browser import Browser
from stack import free_ports
from third_opinion import Glewlwyd, Hub


class Person(Browser):
    """At the provider's development pages: a log-in form and a consent form, both with a hidden `prompt`."""

    def fill(self, page, person, consent, code):
        device = page.form("user_code")
        ask = page.form("prompt") or device or next((f for f in page.parsed.forms if f["action"]), None)
        if ask is None or page.status >= 400 or "successful" in page.text.lower() or "success" in page.text.lower():
            return None
        fields = dict(ask["fields"])
        if fields.get("prompt") == "login":
            self.log_ins += 1
            fields.update(login=person[0], password=person[1])
        elif device and "confirm" not in fields:
            if code in self.typed:
                return None
            self.typed.add(code)
            fields["user_code"] = code
        elif "abort" in fields:
            fields.pop("abort")
        return self.get(urllib.parse.urljoin(page.url, html.unescape(ask["action"])), fields)


class Suite:
    def __init__(self, bench, hub):
        self.bench, self.hub = bench, hub
        self.home = Home(bench, hub=hub)

    def browser(self):
        return Person(self.bench.stack.authority)

    def ask(self, path):
        with urllib.request.urlopen(self.hub + path, timeout=60) as answer:
            return answer.read().decode()

    def sign_in(self, browser=None):
        browser = browser or self.browser()
        waiting = self.home.waiting("--with", "browser", "--no-open", "--replace")
        back = browser.sign_in(waiting.told("open"), ("demo", "x"))
        assert back, browser.last and (browser.last.status, browser.last.text[:300])
        self.bench.visit(back)
        return waiting.finish()

    def browser_flow(self):
        view = self.sign_in()
        self.home.json("workspaces")
        return view["sign_in"]["with"] == "browser" and view["sign_in"]["state"] == "signed_in"

    def device_flow(self):
        waiting = self.home.waiting("--with", "device", "--replace")
        url, code = waiting.told("open"), waiting.told("code")
        self.browser().device(url, ("demo", "x"), code)
        return waiting.finish()["sign_in"]["with"] == "device"

    def refresh(self):
        self.sign_in()
        before = int(self.ask("/refreshes"))
        self.ask("/refuse-next")
        code, _, err = self.home.run("workspaces", "--json")
        return code == 0 and int(self.ask("/refreshes")) == before + 1 or print(err)

    def signed_out(self):
        """It knows no log-out without a browser: the refresh token is revoked instead."""
        self.sign_in()
        revoked = len(self.log("POST .*/token/revocation"))
        self.home.json("sign-out", "--everywhere")
        return self.home.state() == "signed_out" and len(self.log("POST .*/token/revocation")) == revoked + 1

    def log(self, what):
        return re.findall(what, self.ask("/requests"))

    def silent(self):
        browser = self.browser()
        self.sign_in(browser)
        asked = browser.log_ins
        self.sign_in(browser)
        return browser.log_ins == asked == 1


class Third:
    """glewlwyd."""

    def __init__(self, bench, provider):
        self.bench, self.provider = bench, provider
        self.home = Home(bench, hub=provider.origin)

    def opened(self):
        waiting = self.home.waiting("--with", "browser", "--no-open", "--replace")
        return waiting, waiting.told("open")

    def sign_in(self):
        """In the browser, with the redirect registered as it is this time."""
        waiting, address = self.opened()
        self.provider.register(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["redirect_uri"])
        status, back = self.provider.browser(address)
        assert status == 302 and "code=" in back, (status, back)
        self.bench.visit(back)
        return waiting.finish()

    def browser_flow(self):
        """Its ID token is signed with ES256, and its answer does not say who answered (`iss`)."""
        view = self.sign_in()
        self.home.json("workspaces")
        return view["sign_in"]["state"] == "signed_in" and view["username"] == "demo"

    def port_matters(self):
        """It takes no other port than the registered one: a page without a word, and the sign-in waits until it is ended."""
        self.provider.register("http://127.0.0.1/callback")
        waiting, address = self.opened()
        status, back = self.provider.browser(address)
        assert (status, back) == (403, "") and waiting.child.poll() is None, (status, back)
        waiting.interrupt()
        failed = waiting.refused()
        return failed.code == "cancelled" and failed.helpful

    def another_scope(self):
        waiting, address = self.opened()
        self.provider.register(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["redirect_uri"])
        _, back = self.provider.browser(with_query(address, scope="nothing"))
        assert "error=invalid_scope" in back, back
        self.bench.visit(back)
        failed = waiting.refused()
        return failed.code == "sign_in_failed" and failed.helpful

    def code_unknown(self):
        """403 and an error of its own, `invalid_code`."""
        waiting, address = self.opened()
        self.provider.register(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["redirect_uri"])
        self.bench.visit(with_query(self.provider.browser(address)[1], code="garbage"))
        failed = waiting.refused()
        return self.last("/token")[2] == 403 and failed.code == "sign_in_failed" and failed.helpful

    def device_flow(self):
        waiting = self.home.waiting("--with", "device", "--replace")
        self.provider.type_code(waiting.told("code"))
        return waiting.finish()["sign_in"]["with"] == "device" and self.home.json("workspaces") == []

    def refreshes(self):
        return [row[2] for row in Hub.requests if row[3]]

    def last(self, end):
        return [row for row in Hub.requests if row[1].endswith(end)][-1]

    def renew(self):
        Hub.refuse_next = True
        return self.home.run("workspaces", "--json")[0]

    def refresh_stays(self):
        """Its answers hold no refresh token: the old one is kept, and good again and again."""
        self.sign_in()
        before = len(self.refreshes())
        codes = [self.renew() for _ in range(3)]
        return codes == [0, 0, 0] and self.refreshes()[before:] == [200, 200, 200] and self.home.state() == "signed_in"

    def refused_without_a_word(self):
        """A refresh token that it does not take any more: 400, empty. The session is over, and the next sign-in works."""
        self.sign_in()
        self.provider.disable_refresh_tokens()
        before = len(self.refreshes())
        code = self.renew()
        failed = self.home.refused("workspaces")
        told = failed.code == "session_ended" and failed.helpful and self.home.state() == "expired"
        return code == 4 and told and self.refreshes()[before:] == [400] and bool(self.sign_in())

    def nothing_ends_it(self):
        """No log-out without a browser, and no revocation without a secret: over here, and told that it may live on there."""
        self.sign_in()
        failed = self.home.refused("sign-out", "--everywhere")
        answered = (self.last("/end_session")[2], self.last("/revoke")[2])
        assert answered == (404, 401), answered
        return failed.code == "not_supported" and failed.helpful and "live on" in failed.error["kept"] and self.home.state() == "signed_out"


def third(bench, wanted):
    provider = Glewlwyd(bench.scratch)
    try:
        t = Third(bench, provider)
        for name, check in [
                ("browser: signed in, ES256, no iss", t.browser_flow), ("a redirect by its port", t.port_matters),
                ("device: signed in", t.device_flow), ("scope unknown", t.another_scope), ("code unknown, 403", t.code_unknown),
                ("refresh tokens stay", t.refresh_stays), ("refresh refused without a word", t.refused_without_a_word),
                ("sign-out: nothing ends it there, told", t.nothing_ends_it)]:
            if re.search(wanted, name):
                bench.case(f"glewlwyd: {name}", check)
        # A bearer that it never gave out must not pass for one.
        t.home.run("sign-in", "cancel")
        unknown = urllib.request.Request(provider.origin + "/api/workspaces", headers={"Authorization": "Bearer x"})
        bench.report.known_bad("a bearer that glewlwyd did not give out", refuses(unknown))
        t.home.run("agent", "stop")
    finally:
        provider.stop()


def refuses(request):
    try:
        with urllib.request.urlopen(request, timeout=60):
            return False
    except urllib.error.HTTPError as answer:
        return answer.code == 401


def second(bench, wanted):
    port, = free_ports(1)
    server = subprocess.Popen(["node", HERE / "second_opinion.mjs", parts.NODE_HOME, str(port)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        wait_for("the provider", lambda: "ready" in server.stdout.readline())
        s = Suite(bench, f"http://127.0.0.1:{port}")
        found = json.loads(s.ask("/keycloak/realms/eodhp/.well-known/openid-configuration"))
        assert found["issuer"].endswith("/keycloak/realms/eodhp"), found
        for name, check in [
                ("browser: signed in", s.browser_flow), ("browser: the second time is silent", s.silent),
                ("device without an interval", s.device_flow), ("refresh: rotated once", s.refresh),
                ("sign-out: no log-out without a browser, revoked instead", s.signed_out)]:
            if re.search(wanted, name):
                bench.case(name, check)
        bench.report.known_bad("a log-out that ends nothing", logs_out_by_page(s))
        s.home.run("agent", "stop")
    finally:
        server.terminate()
        server.wait(timeout=30)


def main():
    bench = Bench("stack-second", sys.argv[1])
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    second(bench, wanted)
    third(bench, wanted)
    return bench.finish()


def logs_out_by_page(s):
    """Posting to the end-session endpoint alone, as at Keycloak, ends nothing here: the check for a revocation must see that."""
    found = json.loads(s.ask("/keycloak/realms/eodhp/.well-known/openid-configuration"))
    revoked = len(s.log("POST .*/token/revocation"))
    page = s.browser().get(found["end_session_endpoint"], {"client_id": "wayleave-desktop", "refresh_token": "x"})
    print(f"    end-session answered {page.status} {page.headers.get('Content-Type')}", flush=True)
    return page.status != 204 and len(s.log("POST .*/token/revocation")) == revoked


if __name__ == "__main__":
    sys.exit(main())
