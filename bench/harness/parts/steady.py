"""Ingest once the history limit is reached: each change makes an older one go, and half of the updates
change an indexed reference."""

from .. import peers, tributary
from . import ingest

PART = "steady"
FLAG = "history_max_changes"
ROW = "tributary, history limit reached, half of the updates change a reference"


def run(bench):
    if not tributary.has_flag(bench, FLAG):
        bench.results.unavailable(PART, ROW, f"this tributaryd has no --{FLAG}")
        return
    options, results = bench.options, bench.results
    if results.median(ingest.PART, ingest.US, "per_second") is None:
        ingest.run(bench)  # to have something to compare with
    with bench.tributary("steady", flags=[f"--{FLAG}={options.history}"]) as server:
        before = server.disk_bytes()
        bench.settle(server.folder)
        figures = server.webhooks(seconds=options.long_seconds, move_stages=True)
        figures["mib"] = (server.disk_bytes() - before) / (1 << 20)
        results.add(PART, ROW, figures, "MiB the store grew by")
    for peer in options.peers:
        set_bar(results, peer, peers.TITLES[peer])
    set_bar(results, "log_only", ingest.LOG_ONLY)


def set_bar(results, name, against):
    theirs = results.median(ingest.PART, against, "per_second")
    if theirs:
        results.bars[f"{PART}/{name}"] = results.median(PART, ROW, "per_second") / theirs
