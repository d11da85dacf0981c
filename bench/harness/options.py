"""What can be asked for."""

import argparse
import pathlib

PARTS = ("ingest", "steady", "read", "watch", "recovery", "cost", "decode")
PEERS = ("fastify_sqlite", "fastify_sqlite_grouped", "fastify_postgresql", "fastify_redis",
         "fastify_nats", "etcd")
ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a smoke run takes where nothing else is said: every row, small numbers, no meaning.
QUICK = dict(runs=1, seconds=1.0, resources=2000, long_seconds=3.0, sizes=(500, 1000, 2000),
             watchers=(20, 50), idle_watchers=200, owners=50)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("part", nargs="?", default="all", choices=(*PARTS, "all"))
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs, of which the median counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--resources", type=int, default=1_000_000, help="stored before measuring")
    parser.add_argument("--long_seconds", type=float, default=60.0,
                        help="of the runs that have to be long: stalls, WAL, steady state")
    parser.add_argument("--sizes", type=numbers, default=(10_000, 1_000_000, 5_000_000),
                        help="resources stored, for the rows of cost; `all` leaves out 5 million")
    parser.add_argument("--watchers", type=numbers, default=(100, 1000), help="fan-outs")
    parser.add_argument("--idle_watchers", type=int, default=5000, help="for the memory per watcher")
    parser.add_argument("--owners", type=int, default=1000, help="watchers with an owner each")
    parser.add_argument("--history", type=int, default=0,
                        help="--history_max_changes in the steady state; 0: as many as resources")
    parser.add_argument("--peers", type=peers, default=PEERS,
                        help="of " + ",".join(PEERS) + "; or none, all")
    parser.add_argument("--server_flags", default="", help="more flags for tributaryd, in one word")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/bench/bin",
                        help="folder of the programs, to measure another build")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                        help="where the stores are made: on the disk that is to be measured")
    parser.add_argument("--json", type=pathlib.Path, help="write everything there too")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 if a bar of bench/bars.json is missed and not listed as missed")
    parser.add_argument("--quick", action="store_true", help="every row with small numbers")
    options = parser.parse_args(arguments)
    if options.quick:
        apply_quick(parser, options)
    if options.part == "all" and options.sizes == parser.get_default("sizes"):
        options.sizes = tuple(sorted({options.sizes[0], options.resources}))
    options.history = options.history or options.resources
    return options


def apply_quick(parser, options):
    for name, value in QUICK.items():
        if getattr(options, name) == parser.get_default(name):
            setattr(options, name, value)


def numbers(text):
    return tuple(int(number.replace("_", "")) for number in text.split(","))


def peers(text):
    chosen = {"none": (), "all": PEERS}.get(text, tuple(text.split(",")))
    unknown = [peer for peer in chosen if peer not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(unknown)}")
    return chosen
