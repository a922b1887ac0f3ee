"""A person at a browser without a screen: follows redirects and forms, keeps cookies, and stops where it is told to."""
import html
import html.parser
import http.cookiejar
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request


class Forms(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self.text = [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append({"action": attrs.get("action") or "", "id": attrs.get("id"), "fields": {}})
        if tag == "input" and self.forms and attrs.get("name"):
            self.forms[-1]["fields"][attrs["name"]] = attrs.get("value") or ""

    def handle_data(self, data):
        self.text.append(data.strip())


class Page:
    """An answer: where it was, its status, its forms, and where it leads."""

    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers = url, status, headers
        self.body = body.decode("utf-8", "replace")
        self.parsed = Forms()
        self.parsed.feed(self.body)
        location = headers.get("Location")
        self.location = urllib.parse.urljoin(url, location) if location else None

    @property
    def text(self):
        return " ".join(part for part in self.parsed.text if part)

    def form(self, having):
        return next((f for f in self.parsed.forms if having in f["fields"] or f["id"] == having), None)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """One browser profile."""

    def __init__(self, authority):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            NoRedirect, urllib.request.HTTPCookieProcessor(self.jar), urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)))
        self.log_ins = 0
        self.patience = 8  # log-ins after which the person gives up
        self.typed = set()

    def get(self, url, form=None):
        """One request; no redirect is followed."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, data, {"Accept": "text/html", "User-Agent": "a test's browser"})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return Page(url, answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as answer:
            return Page(url, answer.code, answer.headers, answer.read())

    def walk(self, url, person, stop, consent=True, code=None):
        """Goes on through redirects and forms until an address that `stop` accepts, or a page without a form to fill.

        Returns (that address, None) or (None, the last page)."""
        page = self.get(url)
        for _ in range(25):
            if page.location:
                if stop(page.location):
                    return page.location, None
                page = self.get(page.location)
                continue
            filled = self.fill(page, person, consent, code)
            if filled is None:
                return None, page
            page = filled
        raise AssertionError(f"it goes in circles at {page.url}: {page.text[:200]}")

    def fill(self, page, person, consent, code):
        login, device = page.form("kc-form-login"), page.form("device_user_code")
        agree = page.form("accept") or next((f for f in page.parsed.forms if "consent" in f["action"]), None)
        form = login or device or agree
        if form is None or page.status >= 400:
            return None
        fields = dict(form["fields"])
        if login:
            if self.log_ins >= self.patience:
                return None
            self.log_ins += 1
            fields = {"username": person[0], "password": person[1], "credentialId": ""}
        elif device:
            if page.url in self.typed:
                return None  # the code was not taken
            self.typed.add(page.url)
            fields["device_user_code"] = code
        else:
            for name in ("accept", "cancel"):
                fields.pop(name, None)
            fields["accept" if consent else "cancel"] = "x"
        return self.get(urllib.parse.urljoin(page.url, html.unescape(form["action"])), fields)

    def sign_in(self, url, person, consent=True):
        """Through an authorisation request to the address on this computer that it leads back to; None when it does not."""
        back, page = self.walk(url, person, lambda to: re.match(r"http://127\.0\.0\.1:\d+/callback", to), consent)
        self.last = page
        return back

    def device(self, url, person, code, consent=True):
        """Types a device's code; the words of the last page."""
        self.typed = set()
        _, page = self.walk(url, person, lambda to: False, consent, code)
        return page.text

    def portal(self, hub, person):
        """Signs in at the portal; the `Cookie` header of the session."""
        back, page = self.walk(f"{hub}/oauth2/start?rd=/workspaces/", person, lambda to: to.endswith("/workspaces/"))
        assert back, page and page.text[:300]
        return self.portal_cookies()

    def portal_cookies(self):
        return "; ".join(f"{c.name}={c.value}" for c in self.jar if c.name.startswith("_oauth2_proxy") and c.name[-1].isdigit()
                         or c.name == "_oauth2_proxy")
