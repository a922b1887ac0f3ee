#!/usr/bin/python3
"""Suite `stack-journey`: the first run in the real window against the true hub in small.

Portal sign-in in the real sign-in window → vault → token on the clipboard → S3 credentials → an object written and read in MinIO →
the end → renewed. Presses are counted in the page itself; a picture of every screen goes to target/screens/stack-*.png.
    usage: inside.sh BUNDLE suite_journey.py PROGRAMS
"""
import sys

from bench import DEMO, ROOT, Bench, wait_for
from desktop import PATIENCE, Desktop, Page
from store import BUCKET, client
from suite_portal import sign_in_by_keys
from suite_sts import SHORT, refusal

CLICKS = 6


def first_run(bench, desktop, page):
    """From the first paint to a key on the clipboard: the presses that it took."""
    page.sees("Where is your data?")
    desktop.picture("welcome")
    page.press("Stack", starting=True)
    page.sees("Sign in to Stack")
    page.press("Open the sign-in window")
    sign_in_by_keys(bench.front, desktop.display, DEMO, ROOT / "target/screens/stack-sign-in.png")
    page.sees("Protect your keys")
    desktop.picture("protect")
    page.press("Protect and go on")
    page.sees("Create a key")
    desktop.picture("create")
    page.press("Create and copy")
    key = wait_for("the key on the clipboard", desktop.clipboard)
    page.sees("API token")
    desktop.picture("credentials")
    return key, page.presses()


def s3_credentials(desktop, page):
    """The one row of S3 credentials, made in the window, and a client that holds nothing but them."""
    page.press("More ways to get a key")
    page.press("Get S3 credentials")
    page.press("Get credentials")
    row = wait_for("the row", lambda: next(iter(desktop.wayleave("list", "--kind", "s3")), None), PATIENCE)
    desktop.picture("s3")
    return row, holder(desktop, row)


def holder(desktop, row):
    lines = desktop.run(desktop.bench.programs / "wayleave", "env", row["id"]).splitlines()
    env = {k.removeprefix("export "): v.strip("'\"") for k, v in (line.split("=", 1) for line in lines if "=" in line)}
    return client(env["AWS_ENDPOINT_URL_S3"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])


def journey(bench):
    check = bench.report.check
    admin = bench.stack.admin()
    bench.control("s3_lifetime", seconds=SHORT * 2)
    admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": str(SHORT * 2)})
    try:
        with Desktop(bench) as desktop:
            page = Page(desktop)
            key, clicks = first_run(bench, desktop, page)
            check("first_key_clicks", clicks, "clicks", f"<={CLICKS}", 0 < clicks <= CLICKS)
            check("key_on_the_clipboard", float(key.startswith("454f4448")), "", "1", key.startswith("454f4448"))
            ok = use_store(bench, admin, desktop, page)
            page.send("DELETE", "")
            return ok and clicks <= CLICKS
    finally:
        bench.control("s3_lifetime", seconds=None)
        admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": ""})


def use_store(bench, admin, desktop, page):
    """Writes and reads an object, waits for the end, renews in the window's row, reads again."""
    check = bench.report.check
    row, s3 = s3_credentials(desktop, page)
    key = f"{row['workspace']}/journey.txt"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"a walk over the moor")
    before = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"a walk over the moor"
    check("object_written_and_read", float(before), "", "1", before)
    wait_for("the end", lambda: refusal(lambda: s3.get_object(Bucket=BUCKET, Key=key)), PATIENCE + SHORT * 2)
    said = refusal(lambda: s3.get_object(Bucket=BUCKET, Key=key))
    check("refused_after_the_end", float(said == "InvalidAccessKeyId"), "", "1", said == "InvalidAccessKeyId")
    desktop.picture("s3-expired")
    bench.control("s3_lifetime", seconds=None)
    admin.set_client("eodh-workspaces", attributes={"access.token.lifespan": ""})
    renewed = desktop.wayleave("s3", "request", "-w", row["workspace"])
    again = holder(desktop, renewed).get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"a walk over the moor"
    rows = len(desktop.wayleave("list", "--kind", "s3"))
    check("readable_when_renewed", float(again), "", "1", again and rows == 1)
    desktop.picture("s3-renewed")
    # The same key, as it was before the end: it must stay refused.
    still = refusal(lambda: s3.get_object(Bucket=BUCKET, Key=key))
    bench.report.known_bad("the old credentials, after renewing", still == "InvalidAccessKeyId")
    return before and said == "InvalidAccessKeyId" and again and rows == 1


def main():
    bench = Bench("stack-journey", sys.argv[1])
    bench.case("first run to an object in the store, its end, and renewal", journey, bench)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
