#!/usr/bin/python3
"""Suite `stack-sts`: temporary S3 credentials from a real token service (MinIO), through the hub's API, and their end.
    usage: inside.sh BUNDLE suite_sts.py PROGRAMS
"""
import base64
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from bench import DEMO, Bench, Home, wait_for
from botocore.exceptions import ClientError
from realm import SECRETS
from stack import STORE_ROOT
from store import BUCKET, client

SHORT = 25  # seconds; long enough to write and read before the end on a slow machine
WORKSPACE = "demo-ws"
KEY = f"{WORKSPACE}/walk.txt"


class Suite:
    def __init__(self, bench):
        self.bench, self.front, self.stack = bench, bench.front, bench.stack
        self.admin = bench.stack.admin()
        self.home = Home(bench)
        self.home.sign_in_portal()

    # --- past Wayleave: the token service itself --------------------------------------------------------------------------
    def assume(self, token, **more):
        """(status, code, message or XML) of one call to the token service."""
        form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "WebIdentityToken": token,
                "DurationSeconds": "3600", **more}
        form = {key: value for key, value in form.items() if value is not None}
        try:
            with urllib.request.urlopen(self.stack.s3, urllib.parse.urlencode(form).encode(), timeout=60) as answer:
                return answer.status, "", answer.read().decode()
        except urllib.error.HTTPError as answer:
            text = answer.read().decode()
            part = {name: (re.findall(f"<{name}>(.*?)</{name}>", text, re.S) or [""])[0] for name in ("Code", "Message")}
            return answer.code, part["Code"], part["Message"].replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")

    def refusals(self):
        """Every refusal of the token service: one code, told apart by its text; and what Wayleave makes of that very text."""
        good = self.bench.tokens()["access_token"]
        head, body, signature = good.split(".")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
        self.admin.set_client("desktop-quick", attributes={"access.token.lifespan": "1"})
        old = self.bench.tokens("desktop-quick")["access_token"]
        self.admin.set_client("desktop-quick", attributes={"access.token.lifespan": "2"})
        wait_for("the token's end", lambda: "expired" in self.assume(old)[2])
        other = self.proxy_token()
        cases = [
            ("ended token", self.assume(old), "Token is expired", "session_ended"),
            ("garbage", self.assume("garbage"), "number of segments", "session_ended"),
            ("bad signature", self.assume(f"{head}.{body}.{signature[:-8]}AAAAAAAA"), "verification error", "session_ended"),
            ("unsigned", self.assume(f"{unsigned}.{body}."), "kid", "session_ended"),
            ("another client", self.assume(other), "azp", "forbidden"),
            *[(f"duration {d}", self.assume(good, DurationSeconds=d), "invalid token expiry", "rejected")
              for d in ("0", "60", "899", "31536001", "abc")],
            ("unknown role", ("", "InvalidParameterValue", "Role arn:minio:iam:::role/dummy-internal does not exist"), "Role", "forbidden"),
            ("bad policy", self.assume(good, Policy="{"), "", "platform_unavailable"),
        ]
        results = []
        for name, (_, code, message), words, expected in cases:
            text = f"operation error STS: AssumeRoleWithWebIdentity, api error {code}: {message}"
            self.front.rule("answer", "/me/s3-tokens", method="POST", status=500, text=text)
            failed = self.home.refused("s3", "request", "-w", WORKSPACE)
            self.front.clear()
            ok = code == "InvalidParameterValue" and words in message and failed.code == expected and failed.helpful
            if name == "bad policy":
                ok = bool(code) and failed.helpful
            print(f"    {'ok    ' if ok else 'FAILED'} {name}: {code} “{message}” → {failed.code}", flush=True)
            results.append(ok)
            if self.home.state() != "signed_in":
                self.home.sign_in_portal()
        status, code, _ = self.assume(good, Version="2012-01-01")
        results.append(status == 400 and code == "MissingParameter")
        self.bench.report.count("refusals", results)
        return all(results)

    def proxy_token(self):
        """An access token that the object store is no audience of: a service's own."""
        form = {"grant_type": "client_credentials", "client_id": "eodh-workspaces", "client_secret": SECRETS["eodh-workspaces"]}
        client_scope = self.admin.client("eodh-workspaces")
        scope = next(s for s in self.admin.ask("GET", "/client-scopes") if s["name"] == "store-audience")
        path = f"/clients/{client_scope['id']}/default-client-scopes/{scope['id']}"
        self.admin.ask("DELETE", path)
        try:
            url = f"{self.stack.issuer}/protocol/openid-connect/token"
            return json.loads(self.bench.browser().get(url, form).body)["access_token"]
        finally:
            self.admin.ask("PUT", path)

    def default_life(self):
        """Without DurationSeconds credentials live as long as the token: that is why it is always sent."""
        token = self.bench.tokens()["access_token"]
        status, _, xml = self.assume(token, DurationSeconds=None)
        without = self.seconds(re.findall("<Expiration>(.*?)</Expiration>", xml)[0])
        status, _, xml = self.assume(token)
        with_it = self.seconds(re.findall("<Expiration>(.*?)</Expiration>", xml)[0])
        print(f"    life without DurationSeconds {without:.0f} s, with 3600: {with_it:.0f} s", flush=True)
        return without <= 301 and with_it > 3500

    def seconds(self, iso):
        import calendar  # noqa: PLC0415
        return calendar.timegm(time.strptime(iso, "%Y-%m-%dT%H:%M:%SZ")) - time.time()

    # --- through Wayleave -------------------------------------------------------------------------------------------------
    def request(self, workspace=WORKSPACE):
        """(its row, an S3 client that holds nothing but what Wayleave gave)."""
        row = self.home.json("s3", "request", "-w", workspace)
        return row, self.handed_out(row)

    def handed_out(self, row):
        env = dict(line.split("=", 1) for line in self.home.run("env", row["id"])[1].splitlines() if "=" in line)
        env = {key.removeprefix("export "): value.strip("'\"") for key, value in env.items()}
        return client(env["AWS_ENDPOINT_URL_S3"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])

    def reads_and_writes(self):
        row, s3 = self.request()
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"a walk over the moor")
        read = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"a walk over the moor"
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{WORKSPACE}/")["KeyCount"] >= 1
        life = self.seconds(row["expires"])
        return read and listed and 3500 < life <= 3601

    def elsewhere_refused(self):
        """The bucket's root, another workspace, another bucket: 403, also a workspace of one's own."""
        _, s3 = self.request()
        asked = [lambda: s3.list_objects_v2(Bucket=BUCKET), lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix="demo-lab/"),
                 lambda: s3.put_object(Bucket=BUCKET, Key="demo-lab/x", Body=b"x"),
                 lambda: s3.get_object(Bucket=BUCKET, Key="coastal-lab/x"), lambda: s3.list_objects_v2(Bucket="another-bucket")]
        return all(refusal(call) == "AccessDenied" for call in asked)

    def wrong_parts(self):
        """A wrong secret and a missing session token have words of their own."""
        row, _ = self.request()
        env = dict(line.split("=", 1) for line in self.home.run("env", row["id"])[1].splitlines() if "=" in line)
        env = {key.removeprefix("export "): value.strip("'\"") for key, value in env.items()}
        at, key, secret, token = (env[name] for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
        get = lambda s3: refusal(lambda: s3.get_object(Bucket=BUCKET, Key=KEY))  # noqa: E731
        said = (get(client(at, key, secret[:-1] + "A", token)), get(client(at, key, secret)), get(client(at, "AKIANOBODY", secret, token)))
        print(f"    {said}", flush=True)
        return said[0] == "SignatureDoesNotMatch" and said[1] in ("InvalidTokenId", "InvalidAccessKeyId", "AccessDenied") \
            and said[2] == "InvalidAccessKeyId"

    def short(self):
        """From now on credentials live for some seconds: the API then sends no DurationSeconds, and its token is short."""
        self.bench.control("s3_lifetime", seconds=SHORT)
        self.admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": str(SHORT)})

    def usual(self):
        self.bench.control("s3_lifetime", seconds=None)
        self.admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": ""})

    def end_and_renewal(self):
        """Readable before, refused after the end with the same credentials, readable again through the renewed ones."""
        self.short()
        try:
            row, s3 = self.request()
            s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"before the end")
            before = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"before the end"
            wait_for("the end", lambda: refusal(lambda: s3.get_object(Bucket=BUCKET, Key=KEY)), seconds=SHORT + 60)
            said = refusal(lambda: s3.get_object(Bucket=BUCKET, Key=KEY))
            late = self.seconds(row["expires"])
        finally:
            self.usual()
        state = self.home.json("show", row["id"])["state"]
        renewed, again = self.request()
        after = again.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"before the end"
        check = self.bench.report.check
        check("readable_before_the_end", float(before), "", "1", before)
        check("refused_after_the_end", float(said == "InvalidAccessKeyId" and late <= 0), "", "1", said == "InvalidAccessKeyId" and late <= 0)
        check("readable_when_renewed", float(after), "", "1", after)
        print(f"    after the end: {said}, {late:.0f} s left; Wayleave says {state}; the same row renewed: {renewed['id'] == row['id']}", flush=True)
        return before and said == "InvalidAccessKeyId" and late <= 0 and state == "expired" and after and renewed["id"] == row["id"]

    def renewed_before_the_end(self):
        """A second request while the first still works replaces it in the same row; both work until their ends."""
        first, s3 = self.request()
        second, again = self.request()
        again.put_object(Bucket=BUCKET, Key=KEY, Body=b"renewed")
        return first["id"] == second["id"] and second["expires"] >= first["expires"] \
            and s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"renewed"

    def renewed_when_handed_out(self):
        """A set that ends soon is renewed before it is handed out: the same row, a new end. Where the platform is away, the old
        set serves to its end, and beyond it the reason is told."""
        def short_row():
            self.short()
            try:
                return self.home.json("s3", "request", "-w", WORKSPACE)
            finally:
                self.usual()

        row = short_row()
        self.handed_out(row).put_object(Bucket=BUCKET, Key=KEY, Body=b"renewed ahead")
        renewed = self.home.json("show", row["id"])
        row = short_row()
        self.front.rule("answer", "/me/s3-tokens", method="POST", status=503, text="away", times=-1)
        last = self.handed_out(row).get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
        wait_for("the end", lambda: self.seconds(row["expires"]) < 0, seconds=SHORT + 60)
        failed = self.home.refused("env", row["id"])
        self.front.clear()
        return self.seconds(renewed["expires"]) > 3500 and last == b"renewed ahead" \
            and failed.code == "platform_unavailable" and failed.helpful

    def no_policy(self):
        """The person's token says nothing of a policy: the store refuses, and Wayleave calls it no access."""
        user = self.admin.user("demo")
        kept = user["attributes"]
        self.admin.set_user("demo", attributes={k: v for k, v in kept.items() if k != "policy"})
        try:
            failed = self.home.refused("s3", "request", "-w", WORKSPACE)
        finally:
            self.admin.set_user("demo", attributes=kept)
        return failed.code == "forbidden" and failed.helpful

    def too_long(self):
        self.bench.control("s3_lifetime", seconds=31536001)
        try:
            failed = self.home.refused("s3", "request", "-w", WORKSPACE)
        finally:
            self.usual()
        return failed.code == "rejected" and failed.helpful

    def no_member(self):
        failed = self.home.refused("s3", "request", "-w", "coastal-lab")
        return failed.helpful and failed.code in ("forbidden", "not_found")

    def not_ready(self):
        failed = self.home.refused("s3", "request", "-w", "new-ws")
        return failed.helpful and failed.code in ("not_supported", "forbidden")

    def text_of(self, status, text, expected):
        """A.9.1–3: the refusals of the real workspace service, by their texts."""
        self.front.rule("answer", "/me/s3-tokens", method="POST", status=status, text=text)
        failed = self.home.refused("s3", "request", "-w", WORKSPACE)
        self.front.clear()
        if self.home.state() != "signed_in":
            self.home.sign_in_portal()
        assert failed.code == expected and failed.helpful, f"{failed.code}: {failed.stderr}"

    def audience_missing(self):
        """403: the registration lacks the audience; said as that, and not as a missing permission."""
        self.text_of(403, "Client is not within the token audience", "forbidden")
        self.front.rule("answer", "/me/s3-tokens", method="POST", status=403, text="Client is not within the token audience")
        failed = self.home.refused("s3", "request", "-w", WORKSPACE)
        return "audience" in failed.stderr

    def session_over(self):
        """Ended at Keycloak while the proxy's cookie still passes: the exchange says so."""
        self.home.sign_in_portal()
        self.admin.end_sessions("demo")
        failed = self.home.refused("s3", "request", "-w", WORKSPACE)
        self.home.sign_in_portal()
        return failed.code == "session_ended" and failed.helpful and bool(self.request())

    def store_away(self):
        """The store is stopped: the API's 500 is the platform's trouble, and nothing here is lost."""
        row, _ = self.request()
        self.stack.stop("minio")
        failed = self.home.refused("s3", "request", "-w", WORKSPACE)
        self.stack.start_minio()
        kept = self.home.json("show", row["id"])["state"] in ("active", "expiring", "valid", "expires_soon")
        return failed.code == "platform_unavailable" and failed.helpful and kept and bool(self.request())


def refusal(call):
    """The code of an S3 refusal, or an empty text."""
    try:
        call()
        return ""
    except ClientError as error:
        return error.response["Error"]["Code"]


def main():
    bench = Bench("stack-sts", sys.argv[1])
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    s = Suite(bench)
    cases = [
        ("credentials read, write and list", s.reads_and_writes), ("elsewhere: refused", s.elsewhere_refused),
        ("wrong parts of a set", s.wrong_parts), ("before and after the end, renewed", s.end_and_renewal),
        ("renewed before the end, in place", s.renewed_before_the_end),
        ("renewed ahead when handed out", s.renewed_when_handed_out), ("life with and without DurationSeconds", s.default_life),
        ("every refusal of the token service", s.refusals), ("no policy for this person", s.no_policy),
        ("a life that the store does not give", s.too_long), ("a workspace of others", s.no_member),
        ("a workspace that is not ready", s.not_ready), ("audience missing", s.audience_missing),
        ("session ended at the issuer", s.session_over), ("the store stopped and restarted", s.store_away),
        *[(f"500: {text[:32]}", lambda t=text, e=expected: s.text_of(500, t, e)) for text, expected in [
            ("operation error STS: api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", "forbidden"),
            ("operation error STS: api error ExpiredTokenException: Token expired", "session_ended"),
            ("operation error STS: api error InvalidIdentityToken: bad token", "session_ended"),
            ("operation error STS: api error ValidationError: roleSessionName too long", "rejected"),
            ("operation error STS: exceeded maximum number of attempts, 3, throttled", "platform_unavailable")]],
        ("401: Invalid token", lambda: s.text_of(401, "Invalid token", "session_ended")),
        ("401: the server's own client", lambda: s.text_of(401, "Invalid client or Invalid client credentials", "platform_unavailable")),
    ]
    for name, check in cases:
        if re.search(wanted, name):
            bench.case(name, check)
    # Credentials that never end must not pass for ended ones.
    root = client(bench.stack.s3, *STORE_ROOT)
    bench.report.known_bad("credentials without an end", refusal(lambda: root.list_objects_v2(Bucket=BUCKET)) != "InvalidAccessKeyId")
    s.home.run("agent", "stop")
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
