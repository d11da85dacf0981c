"""Webhooks per second: us, each peer and the machine's limits in turn, as many times as asked for."""

import contextlib

from .. import limits, peers

PART = "ingest"
US = "tributary"
LOG_ONLY = "limit: log-only SQLite, 64 per transaction"
WARM_UP_SECONDS = 3


def run(bench):
    options = bench.options
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(bench.tributary("ingest"))]
        targets += [stack.enter_context(peers.start(bench, peer)) for peer in options.peers]
        http = stack.enter_context(limits.BareServer(bench, "bare_http"))
        for target in targets:
            warm_up(bench, target)
        for _ in range(options.runs):
            measure_limits(bench, http)
            for target in targets:
                measure(bench, target)
        measure_long(bench, targets[0])
    set_bars(bench)


def warm_up(bench, target):
    """Node compiles what is hot only after a while."""
    target.ingest(min(bench.options.seconds, WARM_UP_SECONDS))
    target.service.pause()


def measure(bench, target):
    """All others stand still meanwhile: what they still had to do would be counted against this one."""
    bench.settle(target.folder)
    target.service.resume()
    bench.results.add(PART, target.name, target.ingest(bench.options.seconds), getattr(target, "note", ""))
    target.service.pause()


def measure_limits(bench, http):
    seconds = bench.options.seconds
    bench.settle()
    bench.results.add(PART, "limit: fdatasync of 4 KiB", limits.fdatasync(bench, min(seconds, 2)))
    bench.results.add(PART, LOG_ONLY, limits.log_only(bench, seconds))
    bench.results.add(PART, "limit: bare HTTP", limits.bare_http(bench, http, seconds))


def measure_long(bench, server):
    """Long enough to see checkpoints and late work."""
    seconds = bench.options.long_seconds
    bench.settle(server.folder)
    server.service.resume()
    bench.results.add(PART, f"{US}, one run of {seconds:.0f} s", server.webhooks(seconds=seconds))


def set_bars(bench):
    results = bench.results
    for peer in bench.options.peers:
        results.ratio(f"{PART}/{peer}", PART, US, peers.TITLES[peer])
    results.ratio(f"{PART}/log_only", PART, US, LOG_ONLY)
    results.ratio(f"{PART}/p99_etcd", PART, US, peers.TITLES["etcd"], figure="p99_ms")
