"""Our own server, and the store that it is measured with."""

import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request


from .process import Service

FILL_CONNECTIONS = 128
REST_SECONDS = 0.5  # without work
REST_SECONDS_MAX = 180


class Tributary:
    """A server on a store in `folder`."""

    name = "tributary"

    def __init__(self, bench, folder, flags=()):
        self.bench = bench
        self.folder = folder
        self.flags = [*shlex.split(bench.options.server_flags), *flags]
        self.service = None
        self.starts = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.service.stop()

    def start(self, ready=True):
        """Starts it and answers the seconds until it was ready."""
        begun = time.monotonic()
        self.starts += 1
        self.service = Service("tributaryd", [
            self.bench.program("tributaryd"), f"--store=sqlite:{self.folder}/bench.db",
            "--grpc_address=127.0.0.1:0", "--http_address=127.0.0.1:0", *self.flags], self.folder)
        found = self.service.wait_for(r" listening grpc=(\S+) http=(\S+)", occurrence=self.starts)
        self.grpc, self.http = found[1], found[2]
        while ready and not self.is_ready():
            time.sleep(0.002)
        return time.monotonic() - begun

    def rest(self):
        """Waits until it does nothing by itself: late rows are written, states settled."""
        deadline = time.monotonic() + REST_SECONDS_MAX
        while time.monotonic() < deadline:
            before = self.service.cpu_seconds()
            time.sleep(REST_SECONDS)
            if self.service.cpu_seconds() - before < REST_SECONDS / 50:
                return

    def restart(self):
        self.service.stop()
        return self.start()

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def webhooks(self, **flags):
        """Figures of a load of webhooks."""
        before = self.service.cpu_seconds()
        figures = self.bench.load("http", target=self.http, expect="APPLIED",
                                  **{"resources": self.bench.options.resources, **flags})
        figures["server_cpu"] = (self.service.cpu_seconds() - before) / max(figures["seconds"], 1e-3)
        return figures

    def ingest(self, seconds):
        return self.webhooks(seconds=seconds)

    def fill(self, resources, **flags):
        """One webhook for each resource."""
        return self.webhooks(in_sequence=True, count=resources, resources=resources,
                             connections=FILL_CONNECTIONS, **flags)

    def disk_bytes(self):
        return sum(file.stat().st_size for file in self.folder.glob("bench.db*"))

    def wal_bytes(self):
        wal = self.folder / "bench.db-wal"
        return wal.stat().st_size if wal.exists() else 0


def has_flag(bench, name):
    """Whether tributaryd takes that flag: a store filled under an older server has to do without."""
    done = subprocess.run([bench.program("tributaryd"), "--help"], capture_output=True, text=True, check=False)
    return f"--{name}" in done.stdout + done.stderr


class Stores:
    """Filled stores, each filled once through the server's own HTTP endpoint and then copied."""

    def __init__(self, bench):
        self.bench = bench
        self.filled = {}

    def template(self, resources):
        if resources not in self.filled:
            folder = self.bench.folder(f"filled/{resources}")
            self.bench.say(f"filling a store with {resources:,} resources through the server")
            with Tributary(self.bench, folder) as server:
                figures = server.fill(resources)
                server.rest()
            self.bench.say(f"  {figures['per_second']:,.0f} webhooks a second")
            self.filled[resources] = folder
        return self.filled[resources]

    def copy(self, resources, name):
        template = self.template(resources)
        folder = self.bench.folder(name)
        for file in template.glob("bench.db*"):
            shutil.copy2(file, folder / file.name)
        return folder


