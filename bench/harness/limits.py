"""What this machine can do at all, measured in the same run as everything else."""

from .process import Service


class BareServer:
    """One of the least servers of bench/limits."""

    def __init__(self, bench, program):
        self.bench = bench
        self.service = Service(program, [bench.program(program)], bench.folder(program, fresh=True))
        self.address = "127.0.0.1:" + self.service.wait_for(r"listening (\d+)")[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.service.stop()


def fdatasync(bench, seconds):
    return bench.measure("fsync", bench.folder("fsync"), seconds)


def log_only(bench, seconds):
    return bench.measure("log_only", bench.folder("log_only", fresh=True), seconds)


def bare_http(bench, server, seconds):
    return bench.load("http", target=server.address, seconds=seconds)


def echo(bench, server, size, seconds):
    """Unary calls that answer `size` prebuilt bytes, as many in flight as for a Get."""
    return bench.load("get", target=server.address, seconds=seconds, connections=4, in_flight=64,
                      method="/bench.Bare/Unary", raw_request=f"{size} {size} padded-as-a-get")


def pages(bench, server, size, item, seconds):
    """One call after the other, each answering `size` prebuilt bytes."""
    return bench.load("list", target=server.address, seconds=seconds, connections=1, in_flight=1,
                      method="/bench.Bare/Unary", raw_request=f"{size} {item}")


def stream(bench, server, size, item, count):
    """One stream of `count` prebuilt messages."""
    return bench.load("watch", target=server.address, watchers=1, connections=1, until="end",
                      method="/bench.Bare/Stream", raw_request=f"{size} {item} {count}")
