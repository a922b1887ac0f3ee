#!/usr/bin/python3
"""Suite `stack-oidc`: signing in, renewing and signing out at a real Keycloak, and everything that goes wrong there.

Keycloak's own refusals are provoked, not made up: the front server changes one text in a request on its way.
    usage: inside.sh BUNDLE suite_oidc.py PROGRAMS
"""
import collections
import pathlib
import random
import re
import struct
import sys
import time
import urllib.parse

import rows
from bench import ADA, DEMO, Bench, Home, wait_for, with_query
from window_race import copy_of, window_beside_command

KILLS = 200
SEED = 26
TOKEN, POLL = "/protocol/openid-connect/token", "device_code"
REALM_PATH = "/keycloak/realms/eodhp/protocol/openid-connect"


class Suite:
    def __init__(self, bench):
        self.bench, self.front, self.homes = bench, bench.front, {}
        self.admin = bench.stack.admin()
        self.random = random.Random(SEED)

    def home(self, client="wayleave-desktop"):
        """One home for each client: a vault takes a second to make."""
        if client not in self.homes:
            self.homes[client] = Home(self.bench, client)
        return self.homes[client]

    def works(self, home):
        names = sorted(w["name"] for w in home.json("workspaces"))
        assert "demo-ws" in names or "coastal-lab" in names, names
        return True

    def renew(self, home):
        """Makes the next call renew its token: the API says once that it does not take the one it was shown."""
        self.front.rule("answer", "^/api/workspaces", status=401)
        return home.run("workspaces", "--json")

    def signed_in(self, home, browser=None, person=DEMO):
        view = home.sign_in(browser, person)
        assert view["sign_in"]["state"] == "signed_in", view
        home.hold_something()
        return view

    # --- flows ------------------------------------------------------------------------------------------------------------
    def browser_flow(self):
        home = self.home()
        view = self.signed_in(home)
        assert view["username"] == "demo" and view["sign_in"]["with"] == "browser"
        self.works(home)
        return not [r for r in self.front.seen(TOKEN) if r["status"] != 200]

    def other_person(self):
        home = self.home("desktop-consent")
        view = self.signed_in(home, person=ADA)
        names = sorted(w["name"] for w in home.json("workspaces"))
        return view["username"] == "ada" and names == ["coastal-lab", "tidewatch"]

    def device_flow(self, consent=True, client="wayleave-desktop", before=None):
        home = self.home(client)
        waiting = home.waiting("--with", "device", "--replace")
        url, code = waiting.told("open"), waiting.told("code")
        if before:
            before()
        browser = self.bench.browser()
        waiting.words = browser.device(url, DEMO, code, consent)
        return waiting

    def device_good(self):
        view = self.device_flow().finish()
        return view["sign_in"]["with"] == "device" and self.works(self.home())

    def refresh_good(self):
        home = self.home()
        self.signed_in(home)
        before = len(self.front.refreshes())
        code, _, err = self.renew(home)
        asked = self.front.refreshes()[before:]
        return code == 0 and [r["status"] for r in asked] == [200] or print(code, err, asked)

    def memberships_after_refresh(self):
        home = self.home()
        self.signed_in(home)
        user = self.admin.user("demo")
        kept = user["attributes"]
        self.admin.set_user("demo", attributes={**kept, "workspaces": ["demo-ws"]})
        try:
            code, out, _ = self.renew(home)
            return code == 0 and "demo-lab" not in out and "demo-ws" in out
        finally:
            self.admin.set_user("demo", attributes=kept)

    def sign_out_here(self):
        home = self.home()
        self.admin.end_sessions("demo")
        self.signed_in(home)
        home.json("sign-out")
        return home.state() == "signed_out" and len(self.admin.sessions("demo")) == 1

    def sign_out_everywhere(self, rule=None):
        home = self.home()
        self.admin.end_sessions("demo")
        self.signed_in(home)
        if rule:
            self.front.rule(*rule[0], **rule[1])
        home.json("sign-out", "--everywhere")
        return home.state() == "signed_out" and not self.admin.sessions("demo")

    def sign_out_when_over(self):
        home = self.home()
        self.signed_in(home)
        self.admin.end_sessions("demo")
        home.json("sign-out", "--everywhere")
        return home.state() == "signed_out"

    # --- signing in goes wrong --------------------------------------------------------------------------------------------
    def browser_refused(self, expect, client="wayleave-desktop", rule=None, url=None, back=None, person=DEMO, consent=True,
                        after=lambda: None):
        """A sign-in that must fail like this, with words that help; the next one works and asks for no password."""
        home, browser = self.home(client), self.bench.browser()
        if rule:
            self.front.rule(*rule[0], **rule[1])
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        address = waiting.told("open")
        to = browser.sign_in(url(address) if url else address, person, consent)
        assert to, f"nothing leads back: {browser.last and browser.last.text[:200]}"
        self.bench.visit(back(to) if back else to)
        failed = waiting.refused()
        assert failed.code == expect, f"{failed.code}: {failed.stderr}"
        assert failed.helpful, failed.error
        assert len(self.front.seen(TOKEN, grant="authorization_code")) <= 1, "a code is shown once"
        after()
        self.front.clear()
        asked = browser.log_ins
        self.signed_in(home, browser, person)
        # What is refused before the log-in page leaves no session behind that could be silent.
        return browser.log_ins == (asked or 1) and self.works(home)

    def token_edit(self, old, new, expect="sign_in_failed"):
        return self.browser_refused(expect, rule=(("edit_request", TOKEN), {"method": "POST", "from": old, "to": new}))

    def no_way_back(self, client, words):
        """Keycloak shows a page and leads nowhere: the sign-in waits and can be ended."""
        home, browser = Home(self.bench, client), self.bench.browser()
        with home:
            waiting = home.waiting("--with", "browser", "--no-open")
            back = browser.sign_in(waiting.told("open"), DEMO)
            assert back is None and browser.last.status == 400 and words in browser.last.text, browser.last.text[:300]
            assert waiting.child.poll() is None, "it did not wait"
            waiting.interrupt()
            failed = waiting.refused()
            return failed.code == "cancelled" and home.state() == "signed_out"

    def redirects_refused(self):
        """Every other address than the registered one, on any port, is refused with a page."""
        home, browser = self.home(), self.bench.browser()
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        address = waiting.told("open")
        good = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["redirect_uri"]
        bad = [good.replace("127.0.0.1", host) for host in ("localhost", "[::1]", "127.0.0.2", "user@127.0.0.1")]
        bad += [good.replace("http:", "https:"), good.replace("/callback", "/other"), good + "/", good + "?x=1", good + "#f",
                good.replace("/callback", "/../callback"), None]
        pages = [browser.get(with_query(address, redirect_uri=uri)) for uri in bad]
        waiting.interrupt()
        waiting.refused()
        right = browser.get(address).status == 200
        return right and all(page.status == 400 and not page.location for page in pages)

    def browser_refused_consent(self):
        self.admin.forget_consents("demo")
        home, browser = self.home("desktop-consent"), self.bench.browser()
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        self.bench.visit(browser.sign_in(waiting.told("open"), DEMO, consent=False))
        failed = waiting.refused()
        assert failed.code == "sign_in_refused" and failed.helpful, failed.stderr
        self.signed_in(home, browser)
        return self.works(home)

    def discovery(self, what, more):
        """A discovery document that must not be believed: nothing is opened, nothing is sent."""
        home = self.home()
        self.front.rule(*what, **more)
        failed = home.refused("sign-in", "--with", "browser", "--no-open", "--replace")
        assert failed.helpful and failed.code in ("sign_in_failed", "unexpected_answer"), failed.stderr
        self.front.clear()
        return bool(self.signed_in(home))

    def strange_callbacks(self):
        """A wrong state, another path, another method: the wait goes on, and the right answer still counts."""
        home, browser = self.home(), self.bench.browser()
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        back = browser.sign_in(waiting.told("open"), DEMO)
        statuses = [self.bench.visit(with_query(back, state="another"))[0], self.bench.visit(back.replace("/callback", "/favicon.ico"))[0]]
        self.bench.visit(back)
        return statuses == [400, 404] and waiting.finish()["sign_in"]["state"] == "signed_in"

    def mixed_up(self, iss):
        """An answer that does not come from this issuer: refused in the browser, no code is sent anywhere, the wait goes on."""
        home, browser = self.home(), self.bench.browser()
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        back = browser.sign_in(waiting.told("open"), DEMO)
        status = self.bench.visit(with_query(back, iss=iss))[0]
        sent = len(self.front.seen(TOKEN, method="POST"))
        self.bench.visit(back)
        return status == 400 and sent == 0 and waiting.finish()["sign_in"]["state"] == "signed_in"

    def another_clients_code(self):
        """A code that was made for another client, with our own redirect and challenge."""
        return self.browser_refused("sign_in_failed", url=lambda u: with_query(u, client_id="desktop-quick"))

    def device_refused(self, expect, rule=None, client="wayleave-desktop", consent=True):
        home = self.home(client)
        if rule:
            self.front.rule(*rule[0], **rule[1])
        try:
            failed = self.device_flow(consent, client).refused()
        except Exception as error:  # noqa: BLE001: it may be refused at its start already
            failed = error
            if not hasattr(error, "helpful"):
                raise
        assert failed.code == expect and failed.helpful, f"{failed.code}: {failed.stderr}"
        self.front.clear()
        self.signed_in(home)
        return self.works(home)

    def device_slowed(self):
        """Polled too soon (the front server asks twice): it asks less often and still finishes."""
        def twice():
            self.front.await_rule(self.front.rule("twice", TOKEN, method="POST", body=POLL), "done")
        self.device_flow(before=twice).finish()
        return self.works(self.home())

    def device_too_late(self):
        home = self.home("desktop-device-short")
        failed = home.waiting("--with", "device", "--replace")
        failed.told("code")
        refused = failed.refused()
        return refused.code == "sign_in_failed" and refused.helpful

    def user_disabled(self):
        """Disabled between two calls: the session ends here too; enabled again, signing in works."""
        return self.ended(lambda: self.admin.set_user("demo", enabled=False), lambda: self.admin.set_user("demo", enabled=True))

    # --- renewing goes wrong ----------------------------------------------------------------------------------------------
    def ended(self, spoil, mend=lambda: None, client="wayleave-desktop", silent=True):
        """After `spoil` the next renewal ends the session, says so, and signing in again works."""
        home, browser = self.home(client), self.bench.browser()
        self.signed_in(home, browser)
        asked = browser.log_ins
        spoil()
        try:
            code, _, err = self.renew(home)
            failed = home.refused("workspaces")
        finally:
            mend()
        assert code != 0 and failed.code == "session_ended" and failed.helpful, (code, err, failed.stderr)
        assert home.state() == "expired", home.state()
        self.front.clear()
        self.signed_in(home, browser)
        assert (browser.log_ins == asked) == silent, f"log-ins: {browser.log_ins}, before: {asked}"
        return self.works(home)

    def refresh_edit(self, old, new):
        return self.ended(lambda: self.front.rule("edit_request", TOKEN, body="refresh_token", **{"from": old, "to": new}))

    def refresh_reused(self):
        return self.ended(lambda: self.front.rule("twice", TOKEN, body="grant_type=refresh_token"))

    def idle_end(self):
        """Idle for too long, and by what Wayleave was told not yet: Keycloak's word ends it."""
        self.signed_in(self.home("desktop-idle"))

        def wait():
            self.front.rule("edit_answer", TOKEN, body="grant_type=refresh_token",
                            **{"from": '"refresh_expires_in":[0-9]+', "to": '"refresh_expires_in":1800'})
            assert self.renew(self.home("desktop-idle"))[0] == 0
            end = time.monotonic() + 9  # Keycloak's own clock: it gives no grace, and nothing can be asked without renewing it
            wait_for("the idle end", lambda: time.monotonic() > end)
        return self.ended(wait, client="desktop-idle")

    def answer_lost(self):
        """The old refresh token is never shown again; signing in again asks for nothing."""
        home, browser = self.home(), self.bench.browser()
        self.signed_in(home, browser)
        asked = browser.log_ins
        self.front.rule("drop_after", TOKEN, body="grant_type=refresh_token")
        code = self.renew(home)[0]
        for _ in range(3):
            home.run("workspaces", "--json")
        self.front.rule("answer", "^/api/workspaces", status=401)
        home.run("workspaces", "--json")
        refreshes = len(self.front.refreshes())
        self.front.clear()
        self.signed_in(home, browser)
        return code != 0 and refreshes == 1 and browser.log_ins == asked and self.works(home)

    def refresh_unavailable(self):
        """A 503 ends nothing: the same session goes on afterwards."""
        home = self.home()
        self.signed_in(home)
        self.front.rule("answer", TOKEN, body="grant_type=refresh_token", status=503)
        self.renew(home)
        self.front.clear()
        return home.state() == "signed_in" and self.renew(home)[0] == 0

    def clock_off(self, seconds):
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        faked = {"LD_PRELOAD": str(library), "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        with Home(self.bench, environment=faked) as home:
            self.signed_in(home)
            return self.works(home) and self.renew(home)[0] == 0

    # --- Keycloak goes away -----------------------------------------------------------------------------------------------
    def keycloak_restarts(self):
        """Stopped in the middle of each flow, and started again: nothing is lost that need not be."""
        stack, bench = self.bench.stack, self.bench
        renewing, leaving, coding, typing, minting, fresh = (Home(bench) for _ in range(6))
        browsers = [bench.browser() for _ in range(5)]
        for home, browser in ((renewing, browsers[0]), (leaving, browsers[1]), (minting, browsers[4])):
            self.signed_in(home, browser)
        held = minting.held()
        code_wait = coding.waiting("--with", "browser", "--no-open")
        back = browsers[2].sign_in(code_wait.told("open"), DEMO)
        device_wait = typing.waiting("--with", "device")
        url, code = device_wait.told("open"), device_wait.told("code")
        stack.stop("keycloak")
        results = {}
        bench.visit(back)
        failed = code_wait.refused()
        results["code flow says so"] = failed.helpful and failed.code == "platform_unavailable"
        self.front.rule("answer", "^/api/workspaces", status=401)
        failed = renewing.refused("workspaces")
        results["renewing says so, and keeps the session"] = (
            failed.helpful and failed.code == "platform_unavailable" and renewing.state() == "signed_in")
        failed = minting.refused("s3", "request", "-w", "demo-ws")
        results["the exchange says so, and keeps everything"] = (
            failed.helpful and failed.code == "platform_unavailable" and minting.state() == "signed_in" and minting.held() == held)
        failed = leaving.refused("sign-out", "--everywhere")
        results["signing out: over here, told"] = (
            failed.helpful and failed.code == "platform_unavailable" and leaving.state() == "signed_out")
        failed = fresh.refused("sign-in", "--with", "browser", "--no-open")
        results["a new sign-in says so"] = failed.helpful and failed.code == "platform_unavailable"
        stack.start_keycloak()
        self.front.clear()
        results["renewing goes on"] = self.renew(renewing)[0] == 0
        results["the exchange goes on"] = bool(minting.json("s3", "request", "-w", "demo-ws"))
        browsers[3].device(url, DEMO, code)
        # Keycloak forgets its device codes when it stops.
        failed = device_wait.refused(180)
        results["the device flow says so"] = failed.helpful and failed.code == "sign_in_failed"
        results["the next device flow"] = self.device_flow().finish()["sign_in"]["state"] == "signed_in"
        results["the next code flow"] = self.signed_in(coding, browsers[2]) and self.works(coding)
        results["the next sign-in after signing out"] = self.signed_in(leaving, browsers[1]) and self.works(leaving)
        for home in (renewing, leaving, coding, typing, minting, fresh):
            home.run("agent", "stop")
        print("   ", {name: bool(result) for name, result in results.items()}, flush=True)
        return all(results.values())

    # --- one refresh at a time --------------------------------------------------------------------------------------------
    def race(self, copies=1):
        """Two agents started at once on each home, then commands all at once after the token was refused. The requests."""
        home = Home(self.bench)
        self.signed_in(home)
        homes = [home]
        home.run("agent", "stop")
        wait_for("the agent's end", lambda: home.agent() is None)
        if copies == 2:
            homes.append(copy_of(home))
        agents = [h.spawn("agent", "run") for h in homes for _ in range(2)]
        for h in homes:
            wait_for("an agent", h.agent)
            h.unlock()
        self.front.clear()
        commands = 6
        self.front.rule("dead_bearer", "^/api/workspaces", times=-1)
        hold = self.front.rule("hold_before", TOKEN, body="grant_type=refresh_token", times=copies)
        children = [h.spawn("workspaces", "--json") for _ in range(commands // copies) for h in homes]
        self.front.await_rule(hold, count=copies)
        self.front.release(hold)
        codes = [child.wait(120) for child in children]
        requests = len(self.front.refreshes())
        running = [agent.poll() is None for agent in agents].count(True)
        for h in homes:
            h.run("agent", "stop")
        return requests, codes, running

    def race_of_two(self):
        requests, codes, running = self.race()
        self.bench.report.check("refresh_requests", requests, "requests", "=1", requests == 1)
        print(f"    refresh_requests {requests}, codes {codes}, agents alive {running}", flush=True)
        return requests == 1 and running == 1 and not any(codes)

    # --- kill -9 around a refresh -----------------------------------------------------------------------------------------
    def kills(self, count, spoil=False):
        """`count` kills: before the server saw the refresh, between its answer and ours, and soon after. What came of them.

        In two homes by turns: while the one's new agent opens its vault, which takes half a second and asks nobody, the other has its kill.
        """
        pairs = [(Home(self.bench), self.bench.browser()) for _ in range(min(2, count))]
        for pair in pairs:
            self.signed_in(*pair)
        held = [home.held() for home, _ in pairs]
        told = {"killed": 0, "signed_in": 0, "signed_out": 0, "signed_out_outside": 0, "killed_inside": 0, "lost": 0}
        opening = collections.deque()

        def settle():
            home, browser, inside, opened = opening.popleft()
            opened()
            told["killed"] += 1
            told[self.after_kill(home, browser, inside, told)] += 1
            told["killed_inside"] += inside
            if told["killed"] % 20 == 0:
                print(f"    {told['killed']} kills: {told}", flush=True)

        for n in range(count):
            if len(opening) == len(pairs):
                settle()
            home, browser = pairs[n % len(pairs)]
            phase = "after" if spoil else ("before", "between", "after", "after")[n // len(pairs) % 4]
            inside = self.one_kill(home, phase, spoil)
            opening.append((home, browser, inside, home.begin_unlock()))
        while opening:
            settle()
        for (home, _), before in zip(pairs, held):
            home.lost_nothing(before)
            home.run("agent", "stop")
        return told

    def one_kill(self, home, phase, spoil):
        """Kills the agent in this phase; whether that was between the server's answer and the commit."""
        self.front.clear()
        self.front.rule("answer", "^/api/workspaces", status=401)
        if spoil:
            rule = self.front.rule("edit_answer", TOKEN, body="grant_type=refresh_token",
                                   **{"from": '"refresh_token":"[^"]*",', "to": ""})
            home.run("workspaces", "--json")
            home.kill_agent()
            return False
        do = "hold_before" if phase == "before" else "hold_after"
        rule = self.front.rule(do, TOKEN, body="grant_type=refresh_token", **({} if phase == "after" else {"then": "drop"}))
        child = home.spawn("workspaces", "--json")
        self.front.await_rule(rule)
        before, _ = commits(home)
        if phase == "after":
            self.front.release(rule)
            pause = time.monotonic() + self.random.uniform(0, 0.2)
            while time.monotonic() < pause:
                pass
        home.kill_agent()
        after, unfinished = commits(home)
        committed = not unfinished and after != before
        self.front.release(rule)
        child.communicate(timeout=60)
        return phase != "before" and not committed

    def after_kill(self, home, browser, inside, told):
        self.front.clear()
        self.front.rule("answer", "^/api/workspaces", status=401)
        code, _, err = home.run("workspaces", "--json")
        if code == 0:
            return "signed_in"
        if "session_ended" not in err:
            print(f"    lost: {err.strip()}", flush=True)
            return "lost"
        told["signed_out_outside"] += not inside
        self.front.clear()
        self.signed_in(home, browser)
        return "signed_out" if self.works(home) else "lost"

    def two_hundred_kills(self):
        told = self.kills(KILLS)
        report = self.bench.report
        report.check("sessions_lost", told["lost"], "sessions", "=0", told["lost"] == 0, told["killed"], told["lost"])
        report.check("signed_out", told["signed_out"], "sessions", "counted", True, told["killed"], 0)
        outside = told["signed_out_outside"]
        report.check("signed_out_outside_the_span", outside, "sessions", "=0", outside == 0, told["killed"], outside)
        return told["killed"] == KILLS and told["lost"] == 0 and outside == 0


def commits(home):
    """SQLite's count of commits, and whether one is unfinished: with something in the journal it will be undone."""
    vault = next((home.folder / "w").rglob("vault.db"))
    journal = vault.with_name("vault.db-journal")
    hot = journal.exists() and journal.stat().st_size > 0
    counter, = struct.unpack(">I", vault.read_bytes()[24:28])
    return counter, hot


def add_scope(more):
    def change(url):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        return with_query(url, scope=f"{query['scope']} {more}")
    return change


def cases(s):
    well_known = "openid-configuration"
    edit, said = "edit_request", s.front.refused
    yield "browser: signed in, workspaces read", s.browser_flow
    yield "browser: another person, with consent", s.other_person
    yield "device: signed in", s.device_good
    yield "refresh: one request, a new token", s.refresh_good
    yield "refresh: memberships follow", s.memberships_after_refresh
    yield "sign-out here: the browser's session stays", s.sign_out_here
    yield "sign-out everywhere: no session is left", s.sign_out_everywhere
    yield "sign-out everywhere: log-out refused, revoked instead", said(
        "400 invalid_grant: Invalid refresh token", lambda: s.sign_out_everywhere(
        ((edit, REALM_PATH + "/logout"), {"method": "POST", "from": "refresh_token=[^&]*", "to": "refresh_token=garbage"})))
    yield "sign-out everywhere of an ended session", s.sign_out_when_over
    yield "redirect registered as localhost: a page, no way back", lambda: s.no_way_back(
        "desktop-localhost", "redirect_uri")
    yield "redirect registered with another path", lambda: s.no_way_back("desktop-other-path", "redirect_uri")
    yield "redirect registered with a fixed port", lambda: s.no_way_back("desktop-fixed-port", "redirect_uri")
    yield "unknown client: a page, no way back", lambda: s.no_way_back("nobody-registered-this", "Client not found")
    yield "other redirects are refused with a page", s.redirects_refused
    yield "strange callbacks do not disturb", s.strange_callbacks
    yield "PKCE missing in the request", said(
        "302 invalid_request: Missing parameter: code_challenge_method",
        lambda: s.browser_refused("sign_in_failed", url=lambda u: with_query(u, code_challenge=None, code_challenge_method=None)))
    yield "PKCE plain", said(
        "code challenge method is not matching the configured one",
        lambda: s.browser_refused("sign_in_failed", url=lambda u: with_query(u, code_challenge_method="plain")))
    yield "PKCE verifier of another challenge", said(
        "400 invalid_grant: PKCE verification failed: Code mismatch",
        lambda: s.token_edit("code_verifier=...", "code_verifier=AAA"))
    yield "PKCE verifier missing", said(
        "400 invalid_grant: PKCE code verifier not specified", lambda: s.token_edit("&?code_verifier=[^&]*", ""))
    yield "PKCE verifier malformed", said(
        "400 invalid_grant: PKCE verification failed: Invalid code verifier",
        lambda: s.token_edit("code_verifier=[^&]*", "code_verifier=short"))
    yield "redirect differs at the token endpoint", said(
        "400 invalid_grant: Incorrect redirect_uri",
        lambda: s.token_edit("redirect_uri=[^&]*", "redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback"))
    yield "code unknown", said(
        "400 invalid_grant: Code not valid", lambda: s.token_edit("([?&]|^)code=[^&]*", "\\1code=garbage"))
    yield "another client at the token endpoint", said(
        "Found different client_id in clientSession",
        lambda: s.token_edit("client_id=wayleave-desktop", "client_id=desktop-quick"))
    yield "unknown client at the token endpoint (401)", said(
        "401 invalid_client", lambda: s.token_edit("client_id=wayleave-desktop", "client_id=nobody"))
    yield "confidential client at the token endpoint (401)", said(
        "401 unauthorized_client", lambda: s.token_edit("client_id=wayleave-desktop", "client_id=eodh"))
    yield "wrong method at the token endpoint (405)", said(
        "405 HTTP 405 Method Not Allowed", lambda: s.browser_refused(
        "unexpected_answer", rule=((edit, TOKEN), {"method": "POST", "as": "GET"})))
    yield "another client's code", said("Found different client_id in clientSession", s.another_clients_code)
    yield "consent refused", said("302 access_denied", lambda: s.browser_refused_consent())
    yield "scope unknown", said(
        "302 invalid_scope", lambda: s.browser_refused("sign_in_failed", url=add_scope("workspace:")))
    yield "offline not allowed", said(
        "400 not_allowed", lambda: s.browser_refused("sign_in_failed", url=add_scope("offline_access"), person=ADA))
    yield "iss of another issuer", lambda: s.mixed_up("https://evil.example/realms/x")
    yield "iss missing", lambda: s.mixed_up(None)
    yield "wrong issuer in discovery", lambda: s.discovery(
        ("edit_answer", well_known), {"from": '"issuer":"[^"]*"', "to": '"issuer":"https://evil.example"'})
    yield "token endpoint elsewhere in discovery", lambda: s.discovery(
        ("edit_answer", well_known), {"from": '"token_endpoint":"[^"]*"', "to": '"token_endpoint":"https://evil.example/t"'})
    yield "unknown realm (404)", said("404 Realm does not exist", lambda: s.discovery(
        (edit, well_known), {"path_edit": ["realms/eodhp", "realms/nobody"]}))
    yield "ID token that cannot be read", lambda: s.browser_refused(
        "sign_in_failed", rule=(("edit_answer", TOKEN), {"method": "POST", "from": '"id_token":"[^"]*"', "to": '"id_token":"e30.e30.e30"'}))
    yield "device: refused", said("400 access_denied", lambda: s.device_refused("sign_in_refused", consent=False))
    yield "device: slow_down", said("400 slow_down", s.device_slowed)
    yield "device: the code ended", s.device_too_late
    yield "device: code unknown", said(
        "400 invalid_grant: Device code not valid",
        lambda: s.device_refused("sign_in_failed", ((edit, TOKEN), {"body": POLL, "from": "device_code=[^&]*", "to": "device_code=garbage"})))
    yield "device: poll without verifier", said(
        "400 invalid_grant: PKCE code verifier not specified",
        lambda: s.device_refused("sign_in_failed", ((edit, TOKEN), {"body": POLL, "from": "&?code_verifier=[^&]*", "to": ""})))
    yield "device: start without PKCE", said(
        "400 invalid_request",
        lambda: s.device_refused("sign_in_failed", ((edit, "/auth/device"), {"method": "POST", "from": "&?code_challenge[^&]*", "to": ""})))
    yield "device: not enabled for the client", said(
        "unauthorized_client", lambda: s.device_refused("sign_in_failed", client="desktop-no-device"))
    yield "refresh: reused token, session ends, next is silent", said(
        "400 invalid_grant: Maximum allowed refresh token reuse exceeded", s.refresh_reused)
    yield "refresh: answer lost, never again, next is silent", s.answer_lost
    yield "refresh: server unavailable, session stays", s.refresh_unavailable
    yield "refresh: invalid token", said(
        "400 invalid_grant: Invalid refresh token", lambda: s.refresh_edit("refresh_token=[^&]*", "refresh_token=garbage"))
    yield "refresh: another client's token", said(
        "Token client and authorized client don't match", lambda: s.refresh_edit("client_id=[^&]*", "client_id=desktop-quick"))
    yield "refresh: idle for too long", said("400 invalid_grant: Token is not active", s.idle_end)
    yield "session ended by an administrator", said(
        "400 invalid_grant: Session not active", lambda: s.ended(lambda: s.admin.end_sessions("demo"), silent=False))
    yield "user disabled", said("400 invalid_grant: User disabled", s.user_disabled)
    yield from rows.cases(s)
    yield "clock two minutes ahead", lambda: s.clock_off(120)
    yield "clock two minutes behind", lambda: s.clock_off(-120)
    yield "Keycloak stopped in each flow and restarted", s.keycloak_restarts
    yield "two agents at once, one refresh", s.race_of_two
    yield "window beside a command, one refresh", lambda: window_beside_command(s)
    yield f"{KILLS} kills around a refresh", s.two_hundred_kills


def main():
    bench = Bench("stack-oidc", sys.argv[1])
    bench.report.seed = SEED
    suite = Suite(bench)
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    for name, check in cases(suite):
        if re.search(wanted, name):
            bench.case(name, check)
    if not wanted or wanted == "known":
        known_bad(bench, suite)
    for home in suite.homes.values():
        home.run("agent", "stop")
    return bench.finish()


def known_bad(bench, suite):
    """Two agents with the same refresh token in two folders, and a rotation that is not kept: both must be seen."""
    requests = suite.race(copies=2)[0]
    bench.report.known_bad("two holders of one refresh token", requests != 1)
    told = suite.kills(2, spoil=True)
    bench.report.known_bad("the new refresh token is not kept", told["signed_out_outside"] > 0)


if __name__ == "__main__":
    sys.exit(main())
