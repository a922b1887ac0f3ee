"""What can go wrong with the portal's session beyond the everyday, as oauth2-proxy and the hub behind it do it."""
import json
import time
import urllib.parse

from bench import DEMO, Home, wait_for
from display import Display
from realm import SECRETS

LOG_IN = "/login-actions/authenticate"


class PortalRows:
    def __init__(self, suite):
        self.suite, self.bench, self.front, self.stack = suite, suite.bench, suite.front, suite.stack
        self.admin = suite.admin

    # --- through Wayleave -------------------------------------------------------------------------------------------------
    def each_part_alone(self):
        """One part of a split cookie is no session, whichever it is; the session that is there stays."""
        cookies = self.bench.browser().portal(self.stack.hub, DEMO).split("; ")
        assert len(cookies) >= 2, cookies
        with self.suite.handed_over() as home:
            home.hold_something()
            for part in cookies:
                failed = home.refused("sign-in", "--with", "portal", "--cookies-stdin", stdin=f"Cookie: {part}\n")
                assert failed.code == "sign_in_refused" and failed.helpful, failed.stderr
                assert home.state() == "signed_in" and home.json("workspaces")
            return True

    def passes_until_refresh(self):
        """Ended at Keycloak, the cookie is good until the proxy renews it: that is no error, and nothing is ended here."""
        with self.suite.handed_over() as home:
            self.admin.end_sessions("demo")
            return bool(home.json("workspaces")) and home.state() == "signed_in"

    def ended_token_upstream(self):
        """The proxy passes an ended access token on, and the API answers 401: the session is over, and so is it told."""
        self.admin.set_client("eodh", attributes={"access.token.lifespan": "5"})
        try:
            home = self.suite.handed_over()
        finally:
            self.admin.set_client("eodh", attributes={"access.token.lifespan": ""})
        with home:
            end = time.monotonic() + 6.5  # the token's five seconds, counted whole
            home.hold_something()
            wait_for("the token's end", lambda: time.monotonic() > end)
            failed = home.refused("workspaces")
            ended = failed.code == "session_ended" and failed.helpful and home.state() == "expired"
            home.sign_in_portal()
            return ended and bool(home.json("workspaces"))

    def led_to_the_log_in(self):
        """The hub leads to its log-in page, as it does outside `/api/`: an ended session, whose page is not followed."""
        with self.suite.handed_over() as home:
            home.hold_something()
            self.front.clear()
            self.front.rule("edit_request", "^/api/workspaces", times=-1, path_edit=["^/api/workspaces", "/page"],
                            headers={"Accept": "text/html", "Cookie": ""})
            failed = home.refused("workspaces")
            rows = self.front.seen()
            assert {row["status"] for row in rows} == {302} and all(row["path"].startswith("/api/") for row in rows), rows
            self.front.clear()
            ended = failed.code == "session_ended" and failed.helpful and home.state() == "expired"
            home.sign_in_portal()
            return ended and bool(home.json("workspaces"))

    def refused_at_the_door(self):
        """403 `Forbidden` to cookies is about permission: the session goes on."""
        with self.suite.handed_over() as home:
            self.front.rule("answer", "^/api/workspaces", status=403, text="Forbidden\n")
            failed = home.refused("workspaces")
            return failed.code == "forbidden" and failed.helpful and home.state() == "signed_in" and bool(home.json("workspaces"))

    def keycloak_gone_in_the_window(self):
        """Keycloak is stopped while the person types, and another session mints: the window waits and can be given up, nothing is lost."""
        with Display() as display, self.suite.handed_over() as other:
            other.hold_something()
            home = Home(self.bench, client_id=None, environment={
                "DISPLAY": display.name, "XDG_RUNTIME_DIR": str(self.bench.scratch), "NO_AT_BRIDGE": "1",
                "GSETTINGS_BACKEND": "memory", "WEBKIT_DISABLE_DMABUF_RENDERER": "1"})
            with home:
                waiting = home.waiting("--with", "portal")
                window = wait_for("the sign-in window", lambda: display.window("^Sign in · "))
                wait_for("the log-in page", lambda: self.front.seen("/protocol/openid-connect/auth", status=200))
                self.stack.stop("keycloak")
                wait_for("the log-in sent", lambda: self.typed(display, window), seconds=240)
                open_still = display.window("^Sign in · ") and waiting.child.poll() is None
                failed = other.refused("s3", "request", "-w", "demo-ws")
                kept = failed.code == "platform_unavailable" and failed.helpful and other.state() == "signed_in"
                self.stack.start_keycloak()
                waiting.interrupt()
                cancelled = waiting.refused()
                home.sign_in_portal()
                print(f"    window open {bool(open_still)}, then {cancelled.code}; the exchange: {failed.code}, kept {kept}", flush=True)
                return open_still and cancelled.code == "cancelled" and cancelled.helpful and kept \
                    and bool(home.json("workspaces")) and bool(other.json("s3", "request", "-w", "demo-ws"))

    def typed(self, display, window):
        """Types name and password once; whether the page sent them, to nobody."""
        display.focus(window)
        display.xdotool("mousemove", "--window", window, "480", "420")
        for text, then in ((DEMO[0], "Tab"), (DEMO[1], "Return")):
            display.keys("ctrl+a")
            display.type(text)
            display.keys(then)
        try:
            return wait_for("the answer", lambda: self.front.seen(LOG_IN, status=502), seconds=5)
        except TimeoutError:
            return None

    # --- the proxy's manners, as stack.md has them ------------------------------------------------------------------------
    def leads(self):
        """Without a session: a page leads to Keycloak; and after the log-in only to the hub itself."""
        at_log_in = self.bench.browser().get(self.stack.hub + "/page")
        browser = self.bench.browser()
        back, page = browser.walk(f"{self.stack.hub}/oauth2/start?rd=https://evil.example/x", DEMO,
                                  lambda to: to == self.stack.hub + "/" or "evil.example" == urllib.parse.urlsplit(to).hostname)
        return at_log_in.status == 302 and at_log_in.location.startswith(self.stack.issuer) and back == self.stack.hub + "/"

    def bearers(self):
        """An access token for the hub passes, and one exchanged for a workspace; an ID token is no bearer."""
        tokens = self.bench.tokens()
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "client_id": "eodh-workspaces",
                "client_secret": SECRETS["eodh-workspaces"], "subject_token": tokens["access_token"],
                "subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "scope": "workspace:demo-ws"}
        url = f"{self.stack.issuer}/protocol/openid-connect/token"
        one = json.loads(self.bench.browser().get(url, form).body)["access_token"]

        def asked(bearer):
            status, body, _ = self.suite.raw("/api/workspaces", Authorization=f"Bearer {bearer}")
            return status, len(json.loads(body)) if status == 200 else body.strip()
        told = [asked(bearer) for bearer in (tokens["access_token"], one, tokens["id_token"])]
        print(f"    access token, one workspace's, ID token: {told}", flush=True)
        return told == [(200, 4), (200, 1), (403, "Forbidden")]

    def old_cookies(self):
        """Cookies from before a renewal are refused, and showing them ends the session for the renewed ones too."""
        old = self.bench.browser().portal(self.stack.hub, DEMO)
        self.suite.refresh_due()
        status, _, renewed = self.suite.raw("/api/workspaces", Cookie=old)
        new = "; ".join(cookie.split(";")[0] for cookie in renewed)
        results = [status == 200 and "_oauth2_proxy" in new]
        self.suite.refresh_due()
        results.append(self.suite.raw("/api/workspaces", Cookie=old)[0] == 401)
        results.append(self.suite.raw("/api/workspaces", Cookie=new)[0] == 401)
        return all(results) or print(results)


def usual(suite):
    rows = PortalRows(suite)
    return [("each part of a split cookie alone", rows.each_part_alone),
            ("ended, and good until the proxy renews", rows.passes_until_refresh),
            ("an ended access token goes to the API", rows.ended_token_upstream), ("302 to the log-in page", rows.led_to_the_log_in),
            ("403 to a session", rows.refused_at_the_door), ("Keycloak stopped in the window", rows.keycloak_gone_in_the_window),
            ("where the proxy leads", rows.leads), ("what the proxy takes as a bearer", rows.bearers)]


def rotating(suite):
    return [("cookies from before a renewal", PortalRows(suite).old_cookies)]
