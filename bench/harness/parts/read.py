"""Get and List, each beside a bare gRPC server that answers as many bytes; and pages of filtered and ordered
Lists beside the same pages of a small store."""

from .. import limits
from ..tributary import FILL_CONNECTIONS

PART = "read"
PAGE_SIZES = (100, 1000)

# So many resources that the 100th page of ten is there for one stage in ten.
SMALL = 10_000
FLAT_PAGE_SIZE = 10
FLAT_PAGES = {"first": 1, "100th": 100}


def run(bench):
    options = bench.options
    with bench.tributary("read") as server, limits.BareServer(bench, "bare_grpc") as bare:
        for _ in range(options.runs):
            bench.settle(server.folder)
            get_and_echo(bench, server, bare)
            for size in PAGE_SIZES:
                list_and_pages(bench, server, bare, size)
    bench.results.ratio("read/get", PART, "Get, 64 in flight, 4 connections", "bare echo of that size")
    for size in PAGE_SIZES:
        bench.results.ratio(f"read/list-{size}", PART, f"List, pages of {size}, one client",
                            f"bare answers of the bytes of {size}", figure="bytes_per_second")


    for size in sorted({SMALL, max(options.resources, SMALL)}):
        selected_pages(bench, size)
    for name, (title, _) in selections(SMALL).items():
        for page in FLAT_PAGES:
            bench.results.ratio(f"read/flat-{name}-{page}", flat_part(max(options.resources, SMALL)),
                                flat_row(title, page), flat_row(title, page), figure="p50_ms",
                                under_part=flat_part(SMALL))


def selections(resources):
    half = resources // FILL_CONNECTIONS // 2  # amounts count what a connection sent
    return {"stage": ("stage = X", {"filter": 'stage = "default::stage3"'}),
            "owner-amount": ("owner = Y AND amount > Z", {"filter": f'owner = "71502943" AND amount > {half}'}),
            "amount": ('order_by "amount desc"', {"order_by": "amount desc"})}


def flat_part(resources):
    return f"{PART}, {resources:,} resources"


def flat_row(title, page):
    return f"{title}: {page} page of {FLAT_PAGE_SIZE}"


def selected_pages(bench, resources):
    options = bench.options
    with bench.tributary(f"read-{resources}", resources=resources) as server:
        for _ in range(options.runs):
            for title, asked in selections(resources).values():
                for page, number in FLAT_PAGES.items():
                    figures = bench.load("list", target=server.grpc, page_size=FLAT_PAGE_SIZE, page=number,
                                         seconds=options.seconds / 2, connections=1, in_flight=1, **asked)
                    bench.results.add(flat_part(resources), flat_row(title, page), figures)


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
