"""Processes that are measured: started, looked at through /proc, paused, stopped."""

import os
import pathlib
import re
import signal
import subprocess
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 600  # a peer may fill its store before it says that it listens


class BenchError(Exception):
    """What ends a run, in words for whoever started it."""


class Service:
    """A process in the background whose output goes to a file."""

    def __init__(self, name, command, folder, env=None, user=None):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=folder, env={**os.environ, **(env or {})}, user=user, group=user,
                extra_groups=[] if user else None)

    @property
    def pid(self):
        return self.process.pid

    def wait_for(self, pattern, seconds=START_SECONDS, occurrence=1):
        """The match of `pattern` in the output, once it is there."""
        deadline = time.monotonic() + seconds
        while True:
            matches = list(re.finditer(pattern, self.log.read_text(errors="replace")))
            if len(matches) >= occurrence:
                return matches[occurrence - 1]
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended: {self.tail()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} does not say {pattern!r}: {self.tail()}")
            time.sleep(0.01)

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def tree(self):
        """Its processes: itself and what it started."""
        return [self.pid, *descendants(self.pid)]

    def pause(self):
        """Keeps it from doing anything while another one is measured."""
        for pid in self.tree():
            send(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self.tree():
            send(pid, signal.SIGCONT)

    def kill(self):
        self.stop(signal.SIGKILL)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.resume()
            send(self.pid, how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.tree())

    def anonymous_bytes(self):
        """RssAnon: what it holds itself. Pages of mapped files are the kernel's."""
        return sum(anonymous_bytes(pid) for pid in self.tree())


def send(pid, what):
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        pass


def descendants(pid):
    children = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.append(child)
            waiting.append(child)
    return found


def cpu_seconds(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    # With that of the children it has outlived, or work would vanish with them.
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def anonymous_bytes(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.M)
    return int(found[1]) * 1024 if found else 0
