"""A bare Debian 12 in a folder: packages are installed in it as on a fresh machine, and its user runs what they brought.

What was fetched once is kept in a cache outside the checkout. Needs root, and puts its mounts into a mount namespace that the
caller made for itself (`unshare --mount`), so that nothing stays mounted whatever happens.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
USER = "tester"
# Programs of this machine must not be found by what runs inside.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Root:
    """The folder; `within` a new one each time, from the kept archive."""

    def __init__(self, within, cache):
        self.path = within / "debian"
        self.home = pathlib.Path("/home") / USER
        cache.mkdir(parents=True, exist_ok=True)
        archive = cache / f"{SUITE}-minbase.tar"
        if not archive.exists():
            bootstrap(archive, within)
        self.path.mkdir()
        subprocess.run(["tar", "--extract", "--numeric-owner", "--file", archive, "--directory", self.path], check=True)
        packages = cache / "archives"
        (packages / "partial").mkdir(parents=True, exist_ok=True)
        self.mount("--bind", packages, "var/cache/apt/archives")
        self.mount("--bind", "/proc", "proc")
        self.mount("--rbind", "/dev", "dev")
        # No service is started in here, as in any image that is being built (Debian Policy 9.3.3.2).
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n").chmod(0o755)
        self.run("useradd", "--create-home", "--shell", "/bin/sh", USER)
        self.run_as_user("mkdir", "-m", "700", "run")

    def mount(self, kind, source, target):
        subprocess.run(["mount", kind, source, self.path / target], check=True)

    def write(self, place, text):
        """Writes a file of the root; returns its path from outside."""
        path = self.path / place
        path.write_text(text)
        return path

    def run(self, *command, check=True):
        """Runs a command inside, as root; returns what it printed."""
        return self.start(*command, user="root", check=check)

    def run_as_user(self, *command, check=True, **variables):
        """Runs a command inside as its ordinary user; returns what it printed."""
        return self.start(*command, user=USER, check=check, **variables)

    def start(self, *command, user, check, **variables):
        done = subprocess.run(self.command(*command, user=user, **variables), env={}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=900)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout

    def command(self, *command, user=USER, **variables):
        """The command line that runs `command` inside, with this environment and no other."""
        home = "/root" if user == "root" else str(self.home)
        own = {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **variables}
        if user != "root":
            own.setdefault("XDG_RUNTIME_DIR", f"{home}/run")
        identity = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs"] if user != "root" else []
        return ["/usr/sbin/chroot", self.path, "/usr/bin/env", f"--chdir={home}", "-i", *(f"{k}={v}" for k, v in own.items()),
                *identity, *command]

    def install(self, *packages):
        """Installs packages by name, or a .deb by its path inside; what they recommend is left away: a bare machine."""
        options = ["-o", "APT::Sandbox::User=root", "-o", "APT::Keep-Downloaded-Packages=true", "-q", "--yes", "--no-install-recommends"]
        return self.run("apt-get", *options, "install", *packages)

    def carry(self, file):
        """Copies a file into the root's /tmp; returns its path inside."""
        shutil.copy(file, self.path / "tmp")
        return f"/tmp/{file.name}"

    def owned(self):
        """Digest of every file of the user's home, by its path; sockets and the like are left out."""
        home = self.path / self.home.relative_to("/")
        files = (path for path in home.rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def system(self):
        """Every path of the root but the places that belong to users, to the kernel, and to the package manager's own notes."""
        outside = ("proc", "dev", "home", "tmp", "root", "var/cache", "var/lib/dpkg", "var/lib/apt", "var/lib/rpm", "var/log")
        found = set()
        for folder, folders, files in os.walk(self.path):
            place = pathlib.Path(folder).relative_to(self.path)
            folders[:] = [name for name in folders if str(place / name) not in outside]
            found.update(str(place / name) for name in (*folders, *files))
        return found


def bootstrap(archive, within):
    """Fetches a minimal Debian once and keeps it as an archive."""
    print(f"Debian {SUITE}, minimal: fetching it once into {archive}", flush=True)
    folder = within / "bootstrap"
    log = subprocess.run(["debootstrap", "--variant=minbase", SUITE, folder, MIRROR], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    if log.returncode != 0:
        raise RuntimeError(f"debootstrap ended with {log.returncode}:\n{log.stdout[-2000:]}")
    unfinished = archive.with_suffix(".new")
    subprocess.run(["tar", "--create", "--numeric-owner", "--file", unfinished, "--directory", folder, "."], check=True)
    unfinished.rename(archive)
    shutil.rmtree(folder)
