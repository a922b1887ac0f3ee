#!/usr/bin/python3
"""Suite `stack-portal`: the portal's own session behind a real oauth2-proxy, in the real sign-in window and by handed-over cookies.
    usage: inside.sh BUNDLE suite_portal.py PROGRAMS
"""
import concurrent.futures
import json
import re
import ssl
import sys
import time
import urllib.error
import urllib.request

import portal_rows
from bench import ADA, DEMO, ROOT, Bench, Failed, Home, wait_for
from display import Display

SESSION = re.compile(r"^_oauth2_proxy(_\d+)?$")
QUICK = "1s"


class Suite:
    def __init__(self, bench):
        self.bench, self.front, self.stack = bench, bench.front, bench.stack
        self.admin = bench.stack.admin()
        self.context = ssl.create_default_context(cafile=bench.stack.authority)

    def raw(self, path, method="GET", **headers):
        """(status, body, Set-Cookie headers) of one request past Wayleave."""
        request = urllib.request.Request(self.stack.hub + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.context) as answer:
                return answer.status, answer.read().decode(), answer.headers.get_all("Set-Cookie") or []
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode(), answer.headers.get_all("Set-Cookie") or []

    # --- the window -------------------------------------------------------------------------------------------------------
    def window_signs_in(self):
        """Real keys in the real window, over TLS: split cookies arrive, nothing else does, and the hub's page never runs."""
        report = self.bench.report
        with Display() as display:
            home = Home(self.bench, client_id=None, environment={
                "DISPLAY": display.name, "XDG_RUNTIME_DIR": str(self.bench.scratch), "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1",
                "GSETTINGS_BACKEND": "memory", "WEBKIT_DISABLE_DMABUF_RENDERER": "1"})
            with home:
                waiting = home.waiting("--with", "portal")
                sign_in_by_keys(self.front, display, DEMO, ROOT / "target/screens/stack-sign-in-window.png")
                view = waiting.finish()
                assert view["sign_in"]["with"] == "portal" and view["sign_in"]["state"] == "signed_in", view
                names = sorted(w["name"] for w in home.json("workspaces"))
                seen = self.front.seen()
                api = [r for r in seen if r["path"].startswith("/api/")]
                pages = [r for r in seen if r["path"].startswith("/workspaces")]
                sent = {name for r in api for name in r["cookies"]}
                foreign = sorted(name for name in sent if not SESSION.match(name))
                parts = sorted(name for name in sent if SESSION.match(name))
                report.check("parts_of_the_session", len(parts), "cookies", ">=2", len(parts) >= 2)
                report.check("foreign_cookies_sent_to_the_api", len(foreign), "cookies", "=0", not foreign)
                report.check("hub_pages_loaded", len(pages), "requests", "=0", not pages)
                report.check("user_name_known", float(view["username"] == "demo"), "", "1", view["username"] == "demo")
                print(f"    cookies {parts}, foreign {foreign}, pages {len(pages)}, user {view['username']}", flush=True)
                return len(parts) >= 2 and not foreign and not pages and "demo-ws" in names

    def window_cancelled(self):
        with Display() as display:
            home = Home(self.bench, client_id=None, environment={
                "DISPLAY": display.name, "XDG_RUNTIME_DIR": str(self.bench.scratch), "NO_AT_BRIDGE": "1",
                "GSETTINGS_BACKEND": "memory", "WEBKIT_DISABLE_DMABUF_RENDERER": "1"})
            with home:
                waiting = home.waiting("--with", "portal")
                wait_for("the window", lambda: display.window("^Sign in · "))
                waiting.interrupt()
                failed = waiting.refused()
                return failed.code == "cancelled" and home.state() == "signed_out"

    # --- a session handed over --------------------------------------------------------------------------------------------
    def handed_over(self, person=DEMO):
        home = Home(self.bench, client_id=None)
        home.sign_in_portal(person=person)
        return home

    def works(self):
        with self.handed_over() as home:
            names = sorted(w["name"] for w in home.json("workspaces"))
            token = home.json("token", "request", "-w", "demo-ws", "--name", "one")
            return names == ["bare-ws", "demo-lab", "demo-ws", "new-ws"] and token["state"] == "active"

    def two_people(self):
        with self.handed_over() as demo, self.handed_over(ADA) as ada:
            return {w["name"] for w in demo.json("workspaces")}.isdisjoint(w["name"] for w in ada.json("workspaces"))

    def csrf_only(self):
        with Home(self.bench, client_id=None) as home:
            failed = home.refused("sign-in", "--with", "portal", "--cookies-stdin", stdin="Cookie: _oauth2_proxy_csrf=abc\n")
            return failed.helpful and failed.code == "sign_in_refused" and not any(r["cookies"] for r in self.front.seen())

    def foreign_cookies_left(self):
        browser = self.bench.browser()
        browser.portal(self.stack.hub, DEMO)
        every = "; ".join(f"{c.name}={c.value}" for c in browser.jar)
        assert "KEYCLOAK" in every, every[:80]
        with Home(self.bench, client_id=None) as home:
            home.json("sign-in", "--with", "portal", "--cookies-stdin", stdin=f"Cookie: {every}\n")
            home.json("workspaces")
            sent = {name for row in self.front.seen("/api/") for name in row["cookies"]}
            return sent and all(SESSION.match(name) for name in sent)

    def garbage(self):
        with Home(self.bench, client_id=None) as home:
            failed = home.refused("sign-in", "--with", "portal", "--cookies-stdin", stdin="Cookie: _oauth2_proxy=Z2FyYmFnZQ\n")
            return failed.helpful and failed.code == "sign_in_refused"

    def signed_out_everywhere(self):
        self.admin.end_sessions("demo")
        with self.handed_over() as home:
            before = len(self.admin.sessions("demo"))
            home.json("sign-out", "--everywhere")
            return before == 1 and home.state() == "signed_out" and not self.admin.sessions("demo")

    def signed_out_here(self):
        self.admin.end_sessions("demo")
        with self.handed_over() as home:
            home.json("sign-out")
            return home.state() == "signed_out" and len(self.admin.sessions("demo")) == 1

    def ended_there(self):
        """An administrator ends it: the proxy notices at its next refresh, clears the cookies, and so do we."""
        with self.handed_over() as home:
            home.hold_something()
            self.admin.end_sessions("demo")
            self.refresh_due()
            failed = home.refused("workspaces")
            ended = failed.code == "session_ended" and failed.helpful and home.state() == "expired"
            home.sign_in_portal()
            return ended and bool(home.json("workspaces"))

    @staticmethod
    def refresh_due():
        """Waits until the proxy would renew the session: it counts whole seconds itself."""
        end = time.monotonic() + 2.3
        wait_for("the proxy's refresh", lambda: time.monotonic() > end)

    def rotates(self):
        """Through several renewals by the proxy, with calls at once each time: the session lives on."""
        with self.handed_over() as home:
            renewed = 0
            for _ in range(4):
                self.refresh_due()
                mark = len(self.front.seen("/api/"))
                children = [home.spawn("workspaces", "--json") for _ in range(4)]
                codes = [child.wait(120) for child in children]
                rows = self.front.seen("/api/")[mark:]
                renewed += any(row["status"] == 200 for row in rows)
                assert not any(codes), (codes, [r["status"] for r in rows])
            tokens = [r for r in self.front.seen("/token", grant="refresh_token")]
            print(f"    renewals {renewed}, refused {sum(r['status'] == 401 for r in self.front.seen('/api/'))}", flush=True)
            self.bench.report.check("sessions_lost_at_rotation", 0 if home.state() == "signed_in" else 1, "sessions", "=0",
                                    home.state() == "signed_in", 4)
            return home.state() == "signed_in" and not tokens

    def serial(self):
        """Never two calls with the cookies at once."""
        with self.handed_over() as home:
            hold = self.front.rule("hold_before", "^/api/workspaces")
            mark = len(self.front.seen("/api/"))
            children = [home.spawn("workspaces", "--json") for _ in range(4)]
            self.front.await_rule(hold)
            end = time.monotonic() + 1.5  # the others have every chance to be sent too early
            wait_for("the others' chance", lambda: time.monotonic() > end)
            at_once = len(self.front.seen("/api/")) - mark
            self.front.release(hold)
            codes = [child.wait(120) for child in children]
            self.bench.report.check("calls_at_once", at_once, "calls", "=1", at_once == 1)
            return at_once == 1 and not any(codes)

    def killed_at_rotation(self, rounds=5, homes=4):
        """kill -9 while the renewed cookies are on their way: signed in, or `session_ended` and a sign-in that works.

        Some homes a round, so that one wait for the proxy serves them all.
        """
        homes = [self.handed_over() for _ in range(homes)]
        came = {"signed_in": 0, "signed_out": 0, "lost": 0}
        for _ in range(rounds):
            self.refresh_due()
            opening = []
            for n, home in enumerate(homes):
                self.killed_while_renewed(home, drop=n % 2 == 1)
                opening.append(home.begin_unlock())
            for opened in opening:
                opened()
            self.refresh_due()
            for home in homes:
                came[self.after_kill(home)] += 1
        for home in homes:
            home.run("agent", "stop")
        count = rounds * len(homes)
        self.bench.report.check("sessions_lost", came["lost"], "sessions", "=0", came["lost"] == 0, count, came["lost"])
        self.bench.report.check("signed_out", came["signed_out"], "sessions", "counted", True, count, 0)
        return came["lost"] == 0

    def killed_while_renewed(self, home, drop):
        """Kills the agent while the answer that renews its cookies is held; then that answer is dropped, or was let go just before."""
        self.front.clear()
        rule = self.front.rule("hold_after", "^/api/workspaces", **({"then": "drop"} if drop else {}))
        child = home.spawn("workspaces", "--json")
        self.front.await_rule(rule)
        if not drop:
            self.front.release(rule)
        home.kill_agent()
        self.front.release(rule)
        child.communicate(timeout=60)

    def after_kill(self, home):
        """What became of the session: `signed_in`, `signed_out` where a next sign-in works, or `lost`."""
        code, _, err = home.run("workspaces", "--json")
        if code == 0:
            return "signed_in"
        home.sign_in_portal()
        if "session_ended" in err and home.run("workspaces", "--json")[0] == 0:
            return "signed_out"
        print("    lost:", err.strip(), flush=True)
        return "lost"

    def late_clearing(self):
        """An answer to the old session's call clears cookies after a new sign-in: the new session stays."""
        with self.handed_over() as home:
            self.admin.end_sessions("demo")
            self.refresh_due()
            hold = self.front.rule("hold_after", "^/api/workspaces")
            child = home.spawn("workspaces", "--json")
            self.front.await_rule(hold)
            home.sign_in_portal()
            self.front.release(hold)
            child.communicate(timeout=60)
            return home.state() == "signed_in" and bool(home.json("workspaces"))

    def proxy_restarts(self):
        with self.handed_over() as home:
            home.hold_something()
            self.stack.stop("proxy")
            failed = home.refused("workspaces")
            kept = home.state() == "signed_in"
            self.stack.start_proxy()
            return failed.helpful and kept and bool(home.json("workspaces"))

    def keycloak_gone_at_rotation(self):
        """Keycloak is stopped when the proxy wants to renew: whatever the proxy says, nothing is lost for good."""
        with self.handed_over() as home:
            home.hold_something()
            held = home.held()
            self.stack.stop("keycloak")
            self.refresh_due()
            code, _, err = home.run("workspaces", "--json")
            failed = Failed(["workspaces"], code, err)
            out = home.run("sign-out", "--everywhere", "--json") if home.state() == "signed_in" else None
            state = home.state()
            self.stack.start_keycloak()
            print(f"    while it is away: {code} {failed.code}, then {out and out[::2]}, {state}", flush=True)
            home.sign_in_portal()
            return (code == 0 or failed.helpful) and bool(home.json("workspaces")) and home.held() == held

    # --- the proxy's manners, as stack.md has them ------------------------------------------------------------------------
    def proxy_answers(self):
        """What the proxy says to nobody, to garbage and to wrong tokens: 401 `{}`, and 403 where a bearer is no good."""
        status, body, _ = self.raw("/api/workspaces")
        results = [(status, body.strip()) == (401, "{}")]
        results.append(self.raw("/page", Accept="application/json")[0] == 401)
        for bearer in ("Bearer garbage", "Basic Zm9vOmJhcg==", "Bearer e30.e30.e30"):
            status, body, _ = self.raw("/api/workspaces", Authorization=bearer)
            results.append(status == 403 and "orbidden" in body)
        return all(results)

    def old_copy(self):
        """A copy of the cookies is good until its next refresh, also after signing out: a limit of the proxy, told as it is."""
        with Home(self.bench, client_id=None) as home:
            cookies = self.bench.browser().portal(self.stack.hub, DEMO)
            home.json("sign-in", "--with", "portal", "--cookies-stdin", stdin=f"Cookie: {cookies}\n")
            home.json("sign-out", "--everywhere")
        self.refresh_due()
        return self.raw("/api/workspaces", Cookie=cookies)[0] == 401

    def parallel_calls(self):
        """What happens to a client that is not serial: four calls at once with the same cookies, at refresh time."""
        cookies = self.bench.browser().portal(self.stack.hub, DEMO)
        self.refresh_due()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: self.raw("/api/workspaces", Cookie=cookies)[0], range(4)))


def sign_in_by_keys(front, display, person, picture):
    """A person at the sign-in window: waits for the page, then types; what went nowhere is typed again."""
    window = wait_for("the sign-in window", lambda: display.window("^Sign in · "))
    wait_for("the log-in page", lambda: front.seen("/protocol/openid-connect/auth"))
    for _ in range(12):
        end = time.monotonic() + 3
        wait_for("the page to draw", lambda: time.monotonic() > end)
        if display.window("^Sign in · ") is None:
            return
        display.focus(window)
        display.xdotool("mousemove", "--window", window, "480", "420")
        display.picture(picture)
        display.keys("ctrl+a")
        display.type(person[0])
        display.keys("Tab")
        display.keys("ctrl+a")
        display.type(person[1])
        display.keys("Return")
        try:
            wait_for("the end of the window", lambda: display.window("^Sign in · ") is None, seconds=15)
            return
        except TimeoutError:
            continue
    raise AssertionError("the window did not take the log-in")


def main():
    bench = Bench("stack-portal", sys.argv[1])
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    s = Suite(bench)
    usual = [("window: signed in with keys, over TLS", s.window_signs_in), ("window: given up", s.window_cancelled),
             ("cookies handed over: workspaces, a token", s.works), ("two people, two sessions", s.two_people),
             ("csrf cookie alone", s.csrf_only),
             ("foreign cookies are never sent on", s.foreign_cookies_left), ("garbage cookie", s.garbage),
             ("sign-out here", s.signed_out_here), ("sign-out everywhere", s.signed_out_everywhere), ("calls are serial", s.serial),
             ("the proxy stopped and restarted", s.proxy_restarts), ("what the proxy answers", s.proxy_answers),
             *portal_rows.usual(s)]
    rotating = [("four calls at once at each of four renewals", s.rotates), ("session ended by an administrator", s.ended_there),
                ("a late clearing answer of an older session", s.late_clearing),
                ("kill -9 at the renewal", s.killed_at_rotation), ("a copy of the cookies after signing out", s.old_copy),
                ("Keycloak stopped at the renewal", s.keycloak_gone_at_rotation), *portal_rows.rotating(s)]
    for name, check in usual:
        if re.search(wanted, name):
            bench.case(name, check)
    bench.stack.restart_proxy(cookie_refresh=QUICK)
    try:
        for name, check in rotating:
            if re.search(wanted, name):
                bench.case(name, check)
        statuses = s.parallel_calls()
        print(f"    four calls at once, not serial: {statuses}", flush=True)
        bench.report.known_bad("calls that are not serial", statuses.count(200) < 4)
    finally:
        bench.stack.restart_proxy()
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
