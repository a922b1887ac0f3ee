"""The parts of the hub in small that are not ours: which, from where, and how each is made ready once.

Everything lies in one cache outside the checkout. MinIO is AGPL: it runs as a program of its own and is neither linked nor shipped.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile

KEYCLOAK = "26.7.3"  # Apache-2.0
OAUTH2_PROXY = "v7.15.3"  # MIT
MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"  # AGPL-3.0
OIDC_PROVIDER = "9.13.3"  # MIT

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "wayleave/stack"
KEYCLOAK_HOME = CACHE / f"keycloak-{KEYCLOAK}"
# A realm made once: each start begins with a copy, which is quicker than importing again.
PRISTINE = CACHE / f"realm-{KEYCLOAK}"
PROXY_PROGRAM = CACHE / f"bin/oauth2-proxy-{OAUTH2_PROXY}"
MINIO_PROGRAM = CACHE / f"bin/minio-{MINIO.rsplit('-', 1)[1]}"
NODE_HOME = CACHE / f"oidc-provider-{OIDC_PROVIDER}"
# GPL-3.0 program with LGPL libraries, as Debian has them; a program of its own, never linked or shipped.
GLEWLWYD_HOME = CACHE / "glewlwyd-debian"

BUILD_ARGUMENTS = ["--db=dev-file", "--cache=local", "--http-relative-path=/keycloak", "--features=parameterized-scopes"]
GO_MINIMUM = (1, 26)
JAVA_MINIMUM = 17


def fail(text):
    sys.exit(f"error: {text}")


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return None
    return done.stdout + done.stderr if done.returncode == 0 else None


def java_version():
    said = output_of("java", "-version") or ""
    number = said.split('"')[1] if said.count('"') >= 2 else "0"
    return int(number.split(".")[0])


def go_version():
    said = re.search(r"go(\d+)\.(\d+)", output_of("go", "version") or "")
    return (int(said[1]), int(said[2])) if said else (0, 0)


def missing():
    """What this machine lacks, each with how to get it."""
    lacks = []
    if java_version() < JAVA_MINIMUM:
        lacks.append(("Java 17 or newer", "sudo apt-get install openjdk-17-jre-headless"))
    if output_of("mvn", "-v") is None:
        lacks.append(("Maven", "sudo apt-get install maven"))
    if go_version() < GO_MINIMUM:
        lacks.append(("Go 1.26 or newer", "https://go.dev/dl/ (Debian 12's own is too old)"))
    for program, package in [("openssl", "openssl"), ("unshare", "util-linux"), ("npm", "nodejs npm")]:
        if shutil.which(program) is None:
            lacks.append((program, f"sudo apt-get install {package}"))
    try:
        import botocore  # noqa: F401, PLC0415
    except ImportError:
        lacks.append(("boto3 for Python", "sudo apt-get install python3-boto3"))
    return lacks


def need_prerequisites():
    lacks = missing()
    if lacks:
        for what, how in lacks:
            print(f"missing: {what}\n   get it: {how}", file=sys.stderr)
        fail("the stack needs what is named above")


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}")
    return done.stdout


def timed(what, make):
    start = time.monotonic()
    make()
    print(f"{what}: {time.monotonic() - start:.0f} s", flush=True)


def fetch_keycloak():
    folder = CACHE / "fetched"
    run("mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy",
        f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip", f"-DoutputDirectory={folder}")
    fresh = CACHE / "unpacked"
    shutil.rmtree(fresh, ignore_errors=True)
    with zipfile.ZipFile(folder / f"keycloak-quarkus-dist-{KEYCLOAK}.zip") as archive:
        archive.extractall(fresh)
    home = fresh / f"keycloak-{KEYCLOAK}"
    (home / "bin/kc.sh").chmod(0o755)
    run(home / "bin/kc.sh", "build", *BUILD_ARGUMENTS)
    home.rename(KEYCLOAK_HOME)
    shutil.rmtree(fresh)
    shutil.rmtree(folder)


def build_go(module, version, program, flags):
    """Not `go install …@version`: that also asks for the list of versions, which a proxy may refuse."""
    told = json.loads(run("go", "mod", "download", "-json", f"{module}@{version}").partition("\n}")[0] + "\n}")
    source = program.with_suffix(".source")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(told["Dir"], source)
    run("chmod", "-R", "u+w", source)
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(".fresh")
    run("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", fresh, ".", cwd=source)
    fresh.rename(program)
    shutil.rmtree(source)


def build_proxy():
    module = "github.com/oauth2-proxy/oauth2-proxy/v7"
    build_go(module, OAUTH2_PROXY, PROXY_PROGRAM, f"-X {module}/pkg/version.VERSION={OAUTH2_PROXY}")


def build_minio():
    build_go("github.com/minio/minio", MINIO, MINIO_PROGRAM, "")


def fetch_node():
    fresh = NODE_HOME.with_suffix(".fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    (fresh / "package.json").write_text('{"private": true, "type": "module"}\n')
    run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"oidc-provider@{OIDC_PROVIDER}", cwd=fresh)
    fresh.rename(NODE_HOME)


def with_fresh_lists(fetch):
    """Lists of packages may be missing or name files that are gone: then they are fetched, once."""
    try:
        fetch()
    except RuntimeError:
        run("apt-get", "-q", "update")
        fetch()


def fetch_glewlwyd():
    """Debian's package and the libraries that it lacks here, unpacked and not installed: installed, it would start a server for all."""
    simulated = run("apt-get", "-q", "--simulate", "--no-install-recommends", "install", "glewlwyd", "dbconfig-no-thanks")
    lacking = re.findall(r"^Inst (lib\S+)", simulated, re.M)
    fresh = GLEWLWYD_HOME.with_suffix(".fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    # Its database's tables come as documentation.
    run("apt-get", "-q", "download", "glewlwyd", *(name for name in lacking if not name.startswith("libjs-")), cwd=fresh)
    for package in fresh.glob("*.deb"):
        run("dpkg-deb", "--extract", package, fresh)
        package.unlink()
    fresh.rename(GLEWLWYD_HOME)


def install():
    """Fetches and builds what is not there yet: Java's part beside Go's, since each leaves a core idle at times."""
    need_prerequisites()
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = [(KEYCLOAK_HOME, "Keycloak", fetch_keycloak), (PROXY_PROGRAM, "oauth2-proxy", build_proxy),
              (MINIO_PROGRAM, "MinIO", build_minio), (NODE_HOME, "oidc-provider", fetch_node),
              (GLEWLWYD_HOME, "glewlwyd", lambda: with_fresh_lists(fetch_glewlwyd))]
    lacking = [(what, make) for path, what, make in wanted if not path.exists()]
    errors = []

    def lane(items):
        for what, make in items:
            try:
                timed(what, make)
            except (RuntimeError, OSError) as error:
                errors.append(f"{what}: {error}")

    lanes = [[i for i in lacking if i[0] in ("oauth2-proxy", "MinIO")],
             [i for i in lacking if i[0] not in ("oauth2-proxy", "MinIO")]]
    threads = [threading.Thread(target=lane, args=[items]) for items in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        fail("\n".join(errors))
