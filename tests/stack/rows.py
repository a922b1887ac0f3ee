"""What can go wrong at Keycloak beyond the everyday: every remaining way in which it refuses, and what Wayleave then says and keeps.

The words that Keycloak must have used stand beside each check, so that none passes for another reason.
"""
import base64
import http.cookiejar
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

import shape
from bench import DEMO, Home, wait_for, with_query

TOKEN, POLL = "/protocol/openid-connect/token", "device_code"
BASE = "/keycloak/realms/eodhp/protocol/openid-connect"


def claims(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


class Rows:
    def __init__(self, suite):
        self.suite, self.bench, self.front, self.admin = suite, suite.bench, suite.front, suite.admin

    # --- the requests themselves ------------------------------------------------------------------------------------------
    def as_it_asks(self):
        """One whole life of a session, looked at from the server's side. Refusals of other requests cannot be met."""
        home, browser = Home(self.bench), self.bench.browser()
        with home:
            self.front.clear()
            waiting = home.waiting("--with", "browser", "--no-open")
            address = waiting.told("open")
            self.bench.visit(browser.sign_in(address, DEMO))
            waiting.finish()
            assert self.suite.renew(home)[0] == 0
            home.json("s3", "request", "-w", "demo-ws")
            token = home.json("token", "request", "-w", "demo-ws", "--name", "one")
            home.json("token", "revoke", token["id"], "--yes")
            waiting = home.waiting("--with", "device", "--replace")
            browser.device(waiting.told("open"), DEMO, waiting.told("code"))
            waiting.finish()
            self.front.rule("edit_request", BASE + "/logout", method="POST",
                            **{"from": "refresh_token=[^&]*", "to": "refresh_token=garbage"})
            home.json("sign-out", "--everywhere")
            mine = [row for row in self.front.seen() if row["path"].startswith("/api/") or row["method"] == "POST" and any(
                row["path"].endswith(end) for end in ("/token", *shape.PATHS))]
        wrong = shape.of_all(address, mine)
        kinds = {row["grant"] or row["path"].rsplit("/", 1)[-1] for row in mine if row["path"].startswith("/keycloak/")}
        print(f"    {len(mine)} requests of the kinds {sorted(kinds)}; wrong: {wrong}", flush=True)
        for name, (bad_address, bad_rows) in shape.spoilt(address, mine).items():
            caught = bool(shape.of_all(bad_address, bad_rows))
            self.bench.report.known_bad(f"a request with {name}", caught)
            wrong += [] if caught else [f"{name} is not seen"]
        return not wrong and kinds == {*shape.FORMS, "device", "logout", "revoke"}

    # --- at the log-in page -----------------------------------------------------------------------------------------------
    def page_then_right(self, spoil, words, mend, person=DEMO):
        """Keycloak keeps the person on a page: the sign-in waits, and counts once it goes well."""
        home, browser = self.suite.home(), self.bench.browser()
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        address = waiting.told("open")
        try:
            spoil(browser)
            back = browser.sign_in(address, person)
        finally:
            mend()
        assert back is None and words in browser.last.text, (back, browser.last and browser.last.text[:300])
        assert waiting.child.poll() is None, "it did not wait"
        self.bench.visit(self.bench.browser().sign_in(address, DEMO))
        return waiting.finish()["sign_in"]["state"] == "signed_in" and self.suite.works(home)

    def wrong_password(self):
        return self.page_then_right(lambda b: setattr(b, "patience", 1), "Invalid username or password.", lambda: None, (DEMO[0], "x"))

    def disabled_at_log_in(self):
        return self.page_then_right(lambda _: self.admin.set_user("demo", enabled=False), "Account is disabled",
                                    lambda: self.admin.set_user("demo", enabled=True))

    def locked_out(self):
        """Locked for wrong passwords, which Keycloak does not tell: the right one is called wrong too."""
        def lock(browser):
            browser.patience = 1
            self.admin.ask("PUT", "", {"bruteForceProtected": True, "permanentLockout": False, "failureFactor": 1})
            thief = self.bench.browser()
            thief.patience = 2
            thief.walk(self.bench.stack.hub + "/oauth2/start?rd=/workspaces/", (DEMO[0], "x"), lambda to: False)

        def unlock():
            self.admin.ask("DELETE", f"/attack-detection/brute-force/users/{self.admin.user('demo')['id']}")
            self.admin.ask("PUT", "", {"bruteForceProtected": False})
        return self.page_then_right(lock, "Invalid username or password.", unlock)

    def without_cookies(self):
        def refuse(browser):
            browser.jar.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        return self.page_then_right(refuse, "ookie not found", lambda: None)

    # --- the code ---------------------------------------------------------------------------------------------------------
    def login_required(self):
        """Without a session, and forbidden to ask: Keycloak's own redirect with an error."""
        return self.suite.browser_refused("sign_in_refused", url=lambda u: with_query(u, prompt="none"))

    def another_nonce(self):
        return self.suite.browser_refused("sign_in_failed", url=lambda u: with_query(u, nonce="another"))

    def another_clients_id_token(self):
        """A sound ID token of the same person, given to another client."""
        home, browser = self.suite.home("desktop-quick"), self.bench.browser()
        self.front.order("tokens")
        self.suite.signed_in(home, browser)
        theirs = next(t for t in self.front.order("tokens") if claims(t).get("typ") == "ID")
        self.front.clear()
        return self.suite.browser_refused("sign_in_failed", rule=(("edit_answer", TOKEN), {
            "method": "POST", "from": '"id_token":"[^"]*"', "to": f'"id_token":"{theirs}"'}))

    def replayed(self):
        """The code was used first by somebody else: refused, and the tokens they got are dead."""
        self.front.order("tokens")
        dead = []

        def look():
            first = next(t for t in self.front.order("tokens") if claims(t).get("typ") == "Bearer")
            dead.append(self.userinfo(first))
        return self.suite.browser_refused("sign_in_failed", rule=(("twice", TOKEN), {"method": "POST"}), after=look) and dead == [401]

    def userinfo(self, access):
        request = urllib.request.Request(f"{self.bench.stack.hub}{BASE}/userinfo", headers={"Authorization": f"Bearer {access}"})
        context = ssl.create_default_context(cafile=self.bench.stack.authority)
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code

    # --- a device ---------------------------------------------------------------------------------------------------------
    def device_expired(self):
        """It asks longer than the code lives: Keycloak says that the code ended."""
        home = self.suite.home("desktop-device-short")
        self.front.rule("edit_answer", "/auth/device", method="POST", **{"from": '"expires_in":[0-9]+', "to": '"expires_in":600'})
        waiting = home.waiting("--with", "device", "--replace")
        waiting.told("code")
        failed = waiting.refused()
        return failed.code == "sign_in_failed" and failed.helpful

    def device_spent(self):
        """Somebody else's poll was quicker: the code is spent."""
        hold = self.front.rule("hold_before", TOKEN, body=POLL, then="twice")
        home = self.suite.home()
        waiting = home.waiting("--with", "device", "--replace")
        url, code = waiting.told("open"), waiting.told("code")
        self.front.await_rule(hold)
        self.bench.browser().device(url, DEMO, code)
        self.front.release(hold)
        failed = waiting.refused()
        assert failed.code == "sign_in_failed" and failed.helpful, failed.stderr
        self.front.clear()
        return bool(self.suite.signed_in(home)) and self.suite.works(home)

    # --- renewing ---------------------------------------------------------------------------------------------------------
    def winners_token(self):
        """Somebody showed the refresh token too: ours won, and its successor is dead all the same."""
        def win():
            self.front.rule("twice", TOKEN, body="grant_type=refresh_token", told="first")
            assert self.suite.renew(self.suite.home())[0] == 0
        return self.suite.ended(win)

    def revoked_elsewhere(self):
        self.front.order("tokens")

        def revoke():
            token = next(t for t in reversed(self.front.order("tokens")) if claims(t).get("typ") == "Refresh")
            page = self.bench.browser().get(f"{self.bench.stack.hub}{BASE}/revoke", {"client_id": "wayleave-desktop", "token": token})
            assert page.status == 200, page.body
        return self.suite.ended(revoke, silent=False)

    def longest_life(self):
        """The session's longest life ends, whatever renews it. What Keycloak told of it shrank, so nobody needs to be asked."""
        home = self.suite.home("desktop-longest")
        self.suite.signed_in(home)
        asked = []

        def wait():
            end = time.monotonic() + 7
            self.front.clear()
            assert self.suite.renew(home)[0] == 0 and self.front.refreshes()
            wait_for("the longest life", lambda: time.monotonic() > end)
            self.front.clear()
            assert home.refused("workspaces").code == "session_ended"
            asked.extend(self.front.refreshes())
        return self.suite.ended(wait, client="desktop-longest") and not asked

    def ended_early(self):
        """By the proxy's clock the access token has ended, by ours not: `Forbidden` is not believed before a renewed one is tried."""
        home = self.suite.home("desktop-quick")
        self.suite.signed_in(home)
        for _ in range(5):
            self.front.clear()
            self.front.rule("edit_answer", TOKEN, method="POST", **{"from": '"expires_in":[0-9]+', "to": '"expires_in":300'})
            self.suite.signed_in(home)
            end = time.monotonic() + 3  # the token's two seconds, counted whole by the proxy
            wait_for("the token's end", lambda: time.monotonic() > end)
            # On a slow machine the sign-in's own reading may have outlived the token.
            if not self.front.refreshes():
                break
        self.front.clear()
        self.suite.works(home)
        rows = [row["status"] for row in self.front.seen("/api/workspaces")]
        assert rows == [403, 200] and len(self.front.refreshes()) == 1, (rows, self.front.refreshes())
        return home.state() == "signed_in"

    # --- signing out ------------------------------------------------------------------------------------------------------
    def sign_out_garbled(self, path, old, new):
        """Log-out is refused, and then what the revocation is shown is spoilt."""
        home = self.suite.home()
        self.suite.signed_in(home)
        self.front.rule("edit_request", BASE + "/logout", method="POST", **{"from": "refresh_token=[^&]*", "to": "refresh_token=garbage"})
        self.front.rule("edit_request", BASE + path, method="POST", **{"from": old, "to": new})
        return home

    def revocation_refused(self):
        """Told, since the session may live on there; here it is over."""
        home = self.sign_out_garbled("/revoke", "client_id=[^&]*", "client_id=desktop-quick")
        failed = home.refused("sign-out", "--everywhere")
        assert failed.code == "rejected" and failed.helpful, failed.stderr
        return home.state() == "signed_out"

    def revocation_of_garbage(self):
        """Keycloak answers 200 with an error to a token that it does not know: by RFC 7009 that is no error."""
        home = self.sign_out_garbled("/revoke", "(^|&)token=[^&]*", "\\1token=garbage")
        home.json("sign-out", "--everywhere")
        return home.state() == "signed_out"

    # --- audiences and exchange -------------------------------------------------------------------------------------------
    def half_audience(self):
        """A.9.1: good for the hub, not for its workspace services: lists work, and the refusal says what is missing."""
        home = self.suite.home("desktop-half-audience")
        self.suite.signed_in(home)
        failed = home.refused("s3", "request", "-w", "demo-ws")
        assert failed.code == "forbidden" and failed.helpful and "eodh-workspaces" in failed.stderr, failed.stderr
        return self.suite.works(home)

    def no_audience(self):
        """Not even for the hub: the proxy says `Forbidden` to a fresh token, and that is told as what it is."""
        home = self.suite.home("desktop-no-audience")
        waiting = home.waiting("--with", "browser", "--no-open", "--replace")
        self.bench.visit(self.bench.browser().sign_in(waiting.told("open"), DEMO))
        waiting.finish()
        failed = home.refused("workspaces")
        assert failed.code == "forbidden" and failed.helpful and "lacks the audience" in failed.stderr, failed.stderr
        return home.state() == "signed_in"

    def exchange_off(self):
        """The server may not exchange tokens: its own trouble, not the person's."""
        home = self.suite.home()
        self.suite.signed_in(home)
        setting = "standard.token.exchange.enabled"
        self.admin.set_client("eodh-workspaces", attributes={setting: "false"})
        try:
            failed = home.refused("s3", "request", "-w", "demo-ws")
        finally:
            self.admin.set_client("eodh-workspaces", attributes={setting: "true"})
        assert failed.code == "platform_unavailable" and failed.helpful, failed.stderr
        return bool(home.json("s3", "request", "-w", "demo-ws"))

    # --- the API's lists --------------------------------------------------------------------------------------------------
    def list_refused(self, status, text, expected, kind="text/plain"):
        """A.9.5–6: an error is an error, whatever its content; what was read before is kept."""
        home = self.suite.home()
        if home.state() != "signed_in":
            self.suite.signed_in(home)
        before = home.account()
        self.front.rule("answer", "^/api/workspaces", status=status, text=text, headers=[["Content-Type", kind]], times=-1)
        failed = home.refused("workspaces")
        self.front.clear()
        assert failed.code == expected and failed.helpful, failed.stderr
        return home.account() == before and self.suite.works(home)


def cases(suite):
    rows, said = Rows(suite), suite.front.refused
    yield "the requests as Wayleave sends them", rows.as_it_asks
    yield "wrong password: the sign-in waits", rows.wrong_password
    yield "user disabled at the log-in", rows.disabled_at_log_in
    yield "locked out for wrong passwords", rows.locked_out
    yield "a browser without cookies", rows.without_cookies
    yield "log-in required", said("302 login_required", rows.login_required)
    yield "nonce of another sign-in", rows.another_nonce
    yield "ID token of another client", rows.another_clients_id_token
    yield "code replayed, the first tokens are dead", said("400 invalid_grant: Code not valid", rows.replayed)
    yield "device: ended, by Keycloak's word", said("400 expired_token", rows.device_expired)
    yield "device: code spent", said("400 invalid_grant: Device code not valid", rows.device_spent)
    yield "refresh: the winner's token is dead too", said("Session doesn't have required client", rows.winners_token)
    yield "refresh: revoked elsewhere", said("400 invalid_grant: Session not active", rows.revoked_elsewhere)
    yield "refresh: the longest life is over", rows.longest_life
    yield "access token ended early: 403 Forbidden, renewed once", rows.ended_early
    yield "sign-out everywhere: refused twice, told", said("400 invalid_request: Unmatching clients", rows.revocation_refused)
    yield "sign-out everywhere: revocation of an unknown token", said("200 invalid_token", rows.revocation_of_garbage)
    yield "audience of the workspace services missing", rows.half_audience
    yield "audience of the proxy missing", rows.no_audience
    yield "the server may not exchange tokens", rows.exchange_off
    plain, json_ = "text/plain", "application/json"
    for status, text, kind, expected in [
            (500, "[]", json_, "platform_unavailable"), (500, "dial tcp: connection refused", plain, "platform_unavailable"),
            (404, "404 page not found", plain, "not_found"), (403, "", json_, "forbidden"),
            (200, "<html><title>Maintenance</title></html>", "text/html", "unexpected_answer"), (200, "", json_, "unexpected_answer")]:
        yield f"list answered {status} “{text[:12]}”", lambda a=(status, text, expected, kind): rows.list_refused(*a)
