"""Get and List, each beside a bare gRPC server that answers as many bytes."""

from .. import limits

PART = "read"
PAGE_SIZES = (100, 1000)


def run(bench):
    options = bench.options
    with bench.tributary("read") as server, limits.BareServer(bench, "bare_grpc") as bare:
        for _ in range(options.runs):
            bench.settle()
            get_and_echo(bench, server, bare)
            for size in PAGE_SIZES:
                list_and_pages(bench, server, bare, size)
    bench.results.ratio("read/get", PART, "Get, 64 in flight, 4 connections", "bare echo of that size")
    for size in PAGE_SIZES:
        bench.results.ratio(f"read/list-{size}", PART, f"List, pages of {size}, one client",
                            f"bare answers of the bytes of {size}", figure="bytes_per_second")


def get_and_echo(bench, server, bare):
    options = bench.options
    get = bench.load("get", target=server.grpc, resources=options.resources, seconds=options.seconds,
                     connections=4, in_flight=64)
    bench.results.add(PART, "Get, 64 in flight, 4 connections", get)
    bench.results.add(PART, "bare echo of that size",
                      limits.echo(bench, bare, round(get["bytes_per_answer"]), options.seconds))


def list_and_pages(bench, server, bare, size):
    seconds = bench.options.seconds
    pages = bench.load("list", target=server.grpc, page_size=size, seconds=seconds, connections=1, in_flight=1)
    item = round(pages["bytes_per_answer"] / max(pages["items_per_answer"], 1))
    raw = limits.pages(bench, bare, round(pages["bytes_per_answer"]), item, seconds)
    for figures in (pages, raw):
        figures["bytes_per_second"] = figures["per_second"] * figures["bytes_per_answer"]
    bench.results.add(PART, f"List, pages of {size}, one client", pages)
    bench.results.add(PART, f"bare answers of the bytes of {size}", raw)
