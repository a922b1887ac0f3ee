"""A display of our own, and a person's hands on it: keys and looks at window titles, by xdotool."""
import os
import subprocess
import time


def wait_for(what, answer, seconds=120, every=0.2):
    """Polls `answer` until it is true and returns it; TimeoutError says what did not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = answer()
        if found:
            return found
        time.sleep(every)
    raise TimeoutError(f"{what}: not within {seconds} s")


class Display:
    """An Xvfb on a number that it chose itself."""

    def __init__(self):
        read, write = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.name = ":" + pipe.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def xdotool(self, *arguments):
        """What xdotool prints; an empty text when it finds nothing."""
        done = subprocess.run(["xdotool", *arguments], env={**os.environ, "DISPLAY": self.name},
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return done.stdout.strip()

    def window(self, title):
        """The visible window whose title matches, or None."""
        found = self.xdotool("search", "--onlyvisible", "--name", title)
        return found.splitlines()[0] if found else None

    def focus(self, window):
        self.xdotool("windowfocus", "--sync", window)

    def keys(self, *names):
        self.xdotool("key", *names)

    def type(self, text):
        self.xdotool("type", "--delay", "4", text)

    def colours(self, window):
        """How many colours a window shows: a plain area has one, a drawn page many."""
        image = subprocess.run(["import", "-display", self.name, "-window", window, "png:-"], stdout=subprocess.PIPE, check=False).stdout
        return int(subprocess.run(["identify", "-format", "%k", "-"], input=image, stdout=subprocess.PIPE, check=False).stdout or 0)

    def picture(self, path):
        """A screenshot of the whole display."""
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["import", "-display", self.name, "-window", "root", str(path)], check=True)
