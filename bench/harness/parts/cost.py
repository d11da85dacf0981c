"""What grows with the number of resources, and what must not."""

from . import watch

PART = "cost"


def run(bench):
    for size in bench.options.sizes:
        measure_size(bench, size)


def measure_size(bench, size):
    results, seconds = bench.results, bench.options.seconds
    part = f"{PART}, {size:,} resources"
    with bench.tributary(f"cost-{size}", resources=size) as server:
        stopped = server.disk_bytes()
        results.add(part, "disk per resource, its first change included", {"bytes": stopped / size})
        results.add(part, "start-up", {"seconds": server.restart()})
        bench.settle(server.folder)
        ingest = server.webhooks(seconds=seconds, resources=size)
        results.add(part, "ingest, 64 connections", ingest)
        results.add(part, "Get, 64 in flight, 4 connections", bench.load(
            "get", target=server.grpc, resources=size, seconds=seconds, connections=4, in_flight=64))
        for what, pages in (("first page of 100", 1), ("any page of 100", 0)):
            results.add(part, what, bench.load("list", target=server.grpc, page_size=100, pages=pages,
                                               seconds=seconds, connections=1, in_flight=1))
        watch.measure_resume(bench, server, part)
        server.service.stop()
        changes = ingest["sent"] + watch.NARROW_CHANGES
        results.add(part, "disk per change", {"bytes": (server.disk_bytes() - stopped) / changes})

