"""Start-up after kill -9 under load, and what the server holds when nothing is asked of it."""

import time

PART = "recovery"
LOAD_SECONDS = 3
REST_SECONDS = 2
MIB = 1 << 20


def run(bench):
    results = bench.results
    with bench.tributary("recovery") as server:
        for _ in range(bench.options.runs):
            kill_under_load(bench, server)
            results.add(PART, "start-up after kill -9 until ready", {"seconds": server.start()})
            time.sleep(REST_SECONDS)
            results.add(PART, "memory at rest, after start-up", {"mib": server.service.anonymous_bytes() / MIB})
        server.webhooks(seconds=bench.options.seconds)
        time.sleep(REST_SECONDS)
        results.add(PART, "memory at rest, after a saturated ingest", {"mib": server.service.anonymous_bytes() / MIB})
    results.bars["recovery/start"] = results.median(PART, "start-up after kill -9 until ready", "seconds")
    results.bars["recovery/memory"] = max(
        results.median(PART, f"memory at rest, after {what}", "mib") for what in ("start-up", "a saturated ingest"))


def kill_under_load(bench, server):
    """The load breaks off with the server, which is what it is there for."""
    with bench.start_load("http", target=server.http, seconds=LOAD_SECONDS * 10,
                          resources=bench.options.resources):
        time.sleep(min(bench.options.seconds, LOAD_SECONDS))
        server.service.kill()
