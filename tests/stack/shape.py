"""The requests as Wayleave sends them: what keeps it from ever meeting the refusals that a wrong request earns."""
import re
import urllib.parse

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
# The fields of each form, exactly: a scope at a refresh, a secret, `plain` or a second challenge would be others.
FORMS = {
    "authorization_code": {"grant_type", "client_id", "redirect_uri", "code", "code_verifier"},
    "refresh_token": {"grant_type", "client_id", "refresh_token"},
    DEVICE: {"grant_type", "client_id", "device_code", "code_verifier"},
}
PATHS = {
    "/auth/device": {"client_id", "scope", "code_challenge", "code_challenge_method"},
    "/logout": {"client_id", "refresh_token"},
    "/revoke": {"client_id", "token", "token_type_hint"},
}
CALLBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/callback")
# Headers that only a page sends, or that would bring the proxy to refuse what it would not look at.
FOREIGN = {"origin", "referer", "cookie", "x-requested-with", "sec-fetch-mode"}


def of_address(address):
    """What is wrong with an authorisation request."""
    parts = urllib.parse.urlsplit(address)
    pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    query = dict(pairs)
    wanted = {"response_type", "client_id", "state", "code_challenge", "code_challenge_method", "redirect_uri", "scope", "nonce"}
    rules = {
        "each parameter once, and no other": {name for name, _ in pairs} == wanted and len(pairs) == len(wanted),
        "a code": query.get("response_type") == "code",
        "S256": query.get("code_challenge_method") == "S256" and re.fullmatch(r"[A-Za-z0-9_-]{43}", query.get("code_challenge", "")),
        "the redirect": CALLBACK.fullmatch(query.get("redirect_uri", "")),
        "the scopes": set(query.get("scope", "").split()) == {"openid", "profile"},
        "state and nonce": all(re.fullmatch(r"[0-9a-f]{64}", query.get(name, "")) for name in ("state", "nonce")),
        "nothing behind": not parts.fragment,
    }
    return [name for name, kept in rules.items() if not kept]


def of_request(row):
    """What is wrong with one request that the front server noted."""
    form, path = row["form"], row["path"]
    wrong = [f"header {name}" for name in sorted(FOREIGN & set(row["headers"]))]
    if path.startswith("/api/"):
        return wrong + api_rules(row)
    if "authorization" in row["headers"]:
        wrong.append("a public client sends no Authorization")
    fields = FORMS.get(row["grant"]) if path.endswith("/token") else next(
        (fields for end, fields in PATHS.items() if path.endswith(end)), set())
    if set(form) != fields:
        wrong.append(f"fields {sorted(form)}")
    if "redirect_uri" in form and not CALLBACK.fullmatch(form["redirect_uri"]):
        wrong.append("the redirect")
    if form.get("code_challenge_method", "S256") != "S256":
        wrong.append("S256")
    if "scope" in form and set(form["scope"].split()) != {"openid", "profile"}:
        wrong.append("the scopes")
    if form.get("token_type_hint", "refresh_token") != "refresh_token":
        wrong.append("what is revoked")
    return wrong


def api_rules(row):
    """platforms.md A.9.5: no HEAD, no trailing slash, nothing relative; and JSON, which the proxy answers with 401 and no page."""
    rules = {"the method": row["method"] in ("GET", "POST", "DELETE"), "JSON": row["accept"] == "application/json",
             "the path": not re.search(r"//|/\.\.?(/|$)|/$", row["path"]), "one identity": "authorization" in row["headers"]}
    return [name for name, kept in rules.items() if not kept]


def of_all(address, rows):
    """Everything that is wrong with a whole run's requests."""
    wrong = of_address(address) + [f"{row['method']} {row['path']}: {what}" for row in rows for what in of_request(row)]
    codes = [row for row in rows if row["grant"] == "authorization_code"]
    return wrong + ([] if len(codes) == 1 else [f"the code was shown {len(codes)} times"])


def spoilt(address, rows):
    """Runs that must be refused, each with one fault, by name."""
    def with_form(grant, **more):
        return [{**row, "form": {**row["form"], **more}} if row["grant"] == grant else row for row in rows]
    api = next(row for row in rows if row["path"].startswith("/api/"))
    start = next(row for row in rows if row["path"].endswith("/auth/device"))
    token = next(row for row in rows if row["grant"] == "authorization_code")
    return {
        "plain PKCE": (address.replace("=S256", "=plain"), rows),
        "no PKCE": (re.sub("&code_challenge=[^&]*", "", address), rows),
        "another host's redirect": (address.replace("127.0.0.1%3A", "localhost%3A"), rows),
        "a scope at the refresh": (address, with_form("refresh_token", scope="openid")),
        "a client's secret": (address, with_form("authorization_code", client_secret="")),
        "a device start without a challenge": (address, [*rows, {**start, "form": {"client_id": "x", "scope": "openid profile"}}]),
        "a code shown twice": (address, [*rows, token]),
        "Origin": (address, [*rows, {**token, "headers": [*token["headers"], "origin"]}]),
        "a trailing slash": (address, [*rows, {**api, "path": api["path"] + "/"}]),
        "HEAD": (address, [*rows, {**api, "method": "HEAD"}]),
        "any content type": (address, [*rows, {**api, "accept": "*/*"}]),
    }
