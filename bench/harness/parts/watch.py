"""Streams: fan-out and latency beside etcd's, catch-up beside a bare stream, memory, narrow watchers
and what readers do to the WAL."""

import contextlib
import time

from .. import limits, peers

PART = "watch"
CONNECTIONS = 10
PACE = 100        # webhooks per second of the latency rows
NARROW = "narrow"  # an owner with few changes
NARROW_CHANGES = 100
TENANT_RESOURCES = 100_000  # of the owners that have a watcher each
CATCH_UPS = 100
MIB = 1 << 20


def run(bench):
    with bench.tributary("watch") as server, limits.BareServer(bench, "bare_grpc") as bare:
        measure_snapshot(bench, server)
        measure_idle(bench, server)
        measure_stalled(bench, server)
        for _ in range(bench.options.runs):
            bench.settle(server.folder)
            catch_up(bench, server, bare)
        measure_resume(bench, server, PART)
        bench.results.ratio("watch/catch-up", PART, "catch-up of all changes, one watcher",
                            "bare stream of those bytes", figure="bytes_per_second")
        bench.results.bars["watch/resume"] = bench.results.median(PART, "resume of one owner", "ms")
        fan_out(bench, server)
        measure_owners(bench, server)
        measure_wal(bench, server)


def anonymous_peak(service, load):
    """The most memory that the server held while the load was running."""
    peak = 0
    while load.running():
        peak = max(peak, service.anonymous_bytes())
        time.sleep(0.02)
    return peak


def measure_snapshot(bench, server):
    rest = server.service.anonymous_bytes()
    with bench.start_load("watch", target=server.grpc, watchers=1, snapshot=True, until="snapshot") as load:
        peak = anonymous_peak(server.service, load)
        figures = load.finish()
    above = max(peak - rest, 0) / MIB
    bench.results.add(PART, "snapshot of all resources, one watcher", {"per_second": figures["per_second"],
                                                                     "mib": above}, "MiB above rest")
    bench.results.bars["watch/snapshot-memory"] = above


def kib_per_stream(bench, service, target, count, **flags):
    before = service.anonymous_bytes()
    with bench.start_load("watch", target=target, watchers=count, until="stdin", **flags) as load:
        load.wait_until_ready()
        time.sleep(1)  # what was needed to open them is given back
        held = service.anonymous_bytes() - before
        load.finish()
    return held / count / 1024


def measure_idle(bench, server):
    """Each case on servers that held nothing before: what was freed would be used again, uncounted."""
    count = bench.options.idle_watchers
    for watchers, connections, bar in ((count, CONNECTIONS, "watch/idle-memory"),
                                       (count // 5, count // 5, "watch/idle-memory-own-connection")):
        server.restart()
        ours = kib_per_stream(bench, server.service, server.grpc, watchers, connections=connections)
        with limits.BareServer(bench, "bare_grpc") as bare:
            theirs = kib_per_stream(bench, bare.service, bare.address, watchers, connections=connections,
                                    method="/bench.Bare/Idle", raw_request="idle")
        name = f"{watchers} idle streams on {connections} connections, each"
        bench.results.add(PART, f"{name}: tributary", {"kib": ours})
        bench.results.add(PART, f"{name}: bare gRPC", {"kib": theirs})
        if theirs > 0:
            bench.results.bars[bar] = ours / theirs


def measure_stalled(bench, server):
    """Watchers with everything still to come that stopped reading."""
    server.restart()
    count = min(bench.options.watchers)
    each = kib_per_stream(bench, server.service, server.grpc, count, connections=CONNECTIONS, stalled=True,
                          after_revision=0)
    bench.results.add(PART, f"{count} stalled watchers with everything to come, each", {"kib": each})


def catch_up(bench, server, bare):
    figures = bench.load("watch", target=server.grpc, watchers=1, after_revision=0, until="end")
    bench.results.add(PART, "catch-up of all changes, one watcher", figures)
    item = round(figures["bytes"] / figures["count"])
    raw = limits.stream(bench, bare, round(figures["bytes_per_message"]), item, round(figures["messages"]))
    bench.results.add(PART, "bare stream of those bytes", raw)


def measure_resume(bench, server, part):
    """One owner whose changes lie behind everybody else's."""
    server.fill(NARROW_CHANGES, owner=NARROW)
    for _ in range(max(bench.options.runs, 3)):
        figures = bench.load("watch", target=server.grpc, watchers=1, owner=NARROW, after_revision=1, until="end")
        bench.results.add(part, "resume of one owner", {"ms": figures["seconds"] * 1000},
                          f"its {NARROW_CHANGES} changes behind all others, until the last is there")


class Tributary:
    """Our side of the comparison with etcd."""

    name = "tributary"
    modes = ("64 writers",)

    def __init__(self, bench, server):
        self.bench = bench
        self.service = server.service
        self.folder = server.folder
        self.watch = dict(target=server.grpc)
        self.address = server.http

    def write(self, seconds, rate=0, mode=""):
        return self.bench.start_load("http", target=self.address, seconds=seconds, rate=rate,
                                     connections=4 if rate else 64, resources=self.bench.options.resources)


class Etcd:
    """Saturated with one put under way and with 64: what delivers more counts."""

    name = "etcd"
    modes = ("1 writer", "64 writers")

    def __init__(self, bench, peer):
        self.bench = bench
        self.service = peer.service
        self.folder = peer.folder
        self.watch = dict(target=peer.address, etcd=True)
        self.address = peer.address

    def write(self, seconds, rate=0, mode=""):
        in_flight = 64 if mode == "64 writers" else 1
        return self.bench.start_load("etcd_put", target=self.address, seconds=seconds, rate=rate,
                                     in_flight=in_flight, connections=min(in_flight, 4),
                                     resources=self.bench.options.resources)


def fan_out(bench, server):
    options = bench.options
    with contextlib.ExitStack() as stack:
        sides = [Tributary(bench, server)]
        if "etcd" in options.peers:
            sides.append(Etcd(bench, stack.enter_context(peers.start(bench, "etcd"))))
        for side in sides:
            side.service.pause()
        for _ in range(options.runs):
            for side in sides:
                bench.settle(side.folder)
                side.service.resume()
                measure_side(bench, side)
                side.service.pause()
        server.service.resume()
    set_fan_out_bars(bench)


def measure_side(bench, side):
    for watchers in bench.options.watchers:
        for mode in side.modes:
            name = f"{watchers} watchers, saturated: {side.name}, {mode}"
            bench.results.add(PART, name, deliver(bench, side, watchers, mode=mode))
    paced = deliver(bench, side, bench.options.watchers[0], rate=PACE)
    bench.results.add(PART, f"{bench.options.watchers[0]} watchers, {PACE}/s, sent to received: {side.name}", paced)


def deliver(bench, side, watchers, rate=0, mode=""):
    seconds = bench.options.seconds
    before = side.service.cpu_seconds()
    with bench.start_load("watch", watchers=watchers, connections=CONNECTIONS, seconds=seconds,
                          latency=rate > 0, **side.watch) as watch:
        watch.wait_until_ready()
        with side.write(seconds + 1, rate, mode) as writer:
            figures = watch.finish()
            writer.finish()
    figures["server_cpu"] = (side.service.cpu_seconds() - before) / figures["seconds"]
    return figures


def set_fan_out_bars(bench):
    results = bench.results
    for watchers, bar in zip(bench.options.watchers, ("watch/fan-out-100", "watch/fan-out-1000")):
        ours = results.median(PART, f"{watchers} watchers, saturated: tributary, 64 writers", "per_second")
        theirs = [results.median(PART, f"{watchers} watchers, saturated: etcd, {mode}", "per_second")
                  for mode in Etcd.modes]
        if all(theirs):
            results.bars[bar] = ours / max(theirs)
    paced = f"{bench.options.watchers[0]} watchers, {PACE}/s, sent to received: "
    for figure in ("p50", "p99"):
        results.ratio(f"watch/latency-{figure}", PART, paced + "tributary", paced + "etcd", figure=f"{figure}_ms")


def measure_owners(bench, server):
    """Each tenant has a watcher of its own: a commit must wake only those that it concerns."""
    options = bench.options
    tenants = dict(owner="tenant-", owners=options.owners, resources=min(options.resources, TENANT_RESOURCES))
    server.fill(**tenants)
    rows = {f"ingest over {options.owners} owners": (False, tenants),
            f"ingest beside a watcher for each of {options.owners} owners": (True, tenants),
            f"ingest of one more owner beside {options.owners} watchers of others": (True, {})}
    for _ in range(options.runs):
        for what, (watched, load) in rows.items():
            bench.settle(server.folder)
            bench.results.add(PART, what, ingest_beside(bench, server, options.owners if watched else 0, load))
    without, beside, _ = rows
    bench.results.ratio("watch/owners", PART, beside, without)


def ingest_beside(bench, server, watchers, load):
    if watchers == 0:
        return server.webhooks(seconds=bench.options.seconds, **load)
    with bench.start_load("watch", target=server.grpc, watchers=watchers, connections=CONNECTIONS,
                          owner="tenant-", each_owner=True, until="stdin") as watch:
        watch.wait_until_ready()
        figures = server.webhooks(seconds=bench.options.seconds, **load)
        watch.finish()
        return figures


def measure_wal(bench, server):
    """The most that the WAL grows to while everything is read and written at once."""
    seconds = bench.options.long_seconds
    peak = 0
    bench.settle(server.folder)

    def catch_ups():
        return stack.enter_context(bench.start_load("watch", target=server.grpc, watchers=CATCH_UPS,
                                                    connections=CONNECTIONS, after_revision=0, until="end"))

    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(bench.start_load("http", target=server.http, seconds=seconds,
                                                      resources=bench.options.resources))
        pages = stack.enter_context(bench.start_load("list", target=server.grpc, page_size=1000, in_flight=1,
                                                     connections=1, seconds=seconds))
        readers = catch_ups()
        while writer.running():
            peak = max(peak, server.wal_bytes())
            if not readers.running():
                readers = catch_ups()
            time.sleep(0.05)
        figures = writer.finish()
        pages.finish()
    bench.results.add(PART, f"ingest, List and {CATCH_UPS} catch-ups at once: WAL",
                      {"mib": peak / MIB, **figures}, f"over {seconds:.0f} s")
    bench.results.bars["watch/wal"] = peak / MIB
