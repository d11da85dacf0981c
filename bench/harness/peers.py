"""What a user would pick instead, started and filled for a comparison. bench/peers has the code of
those behind HTTP; each holds the same resources before it is measured, put there in bulk."""

import contextlib
import glob
import os
import shutil
import socket
import time

from .options import ROOT
from .process import BenchError, Service

CODE = ROOT / "bench/peers"
MODULES = ROOT / "build/peers/node_modules"
ETCD_BATCH = 100

TITLES = {
    "fastify_sqlite": "Fastify + better-sqlite3, a transaction per request",
    "fastify_sqlite_grouped": "Fastify + better-sqlite3, grouped",
    "fastify_postgresql": "Fastify + PostgreSQL, one statement",
    "fastify_redis": "Fastify + Redis Streams, appendfsync always",
    "fastify_nats": "Fastify + NATS JetStream",
    "etcd": "etcd puts over gRPC, 64 in flight",
}
NOTES = {
    "fastify_nats": "acks are not fsynced",
    "etcd": "no HTTP, no JSON, no dedupe",
}


class Group:
    """The processes of one peer, treated as one."""

    def __init__(self, services):
        self.services = services

    def pause(self):
        for service in self.services:
            service.pause()

    def resume(self):
        for service in self.services:
            service.resume()

    def cpu_seconds(self):
        return sum(service.cpu_seconds() for service in self.services)


class Peer:
    def __init__(self, bench, peer, folder, services, address):
        self.bench = bench
        self.folder = folder
        self.peer = peer
        self.name = TITLES[peer]
        self.note = NOTES.get(peer, "")
        self.service = Group(services)
        self.address = address

    def ingest(self, seconds):
        before = self.service.cpu_seconds()
        flags = dict(target=self.address, seconds=seconds, resources=self.bench.options.resources)
        if self.peer == "etcd":
            figures = self.bench.load("etcd_put", connections=4, in_flight=64, **flags)
        else:
            figures = self.bench.load("http", expect="applied", **flags)
        figures["server_cpu"] = (self.service.cpu_seconds() - before) / figures["seconds"]
        return figures


@contextlib.contextmanager
def start(bench, peer):
    """A peer that holds as many resources as we do."""
    folder = bench.folder(peer, fresh=True)
    bench.say(f"starting {TITLES[peer]}, filled in bulk")
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        services, address = STARTERS[peer](bench, stack, folder)
        bench.say(f"  {time.monotonic() - begun:.0f} s")
        yield Peer(bench, peer, folder, services, address)
    shutil.rmtree(folder)


def run(stack, service):
    stack.callback(service.stop)
    return service


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def node(bench, stack, folder, script, *arguments):
    """A Fastify endpoint; it says that it listens once it is filled."""
    if not MODULES.is_dir():
        raise BenchError(f"{MODULES} is missing: ./dev bench installs it")
    env = {"NODE_PATH": str(MODULES), "NODE_ENV": "production", "SAMPLE_BODY": bench.sample_body(),
           "RESOURCES": str(bench.options.resources)}
    service = run(stack, Service(script.split(".")[0], ["node", CODE / script, *arguments], folder, env=env))
    return service, "127.0.0.1:" + service.wait_for(r"listening (\d+)")[1]


def start_sqlite(bench, stack, folder, *mode):
    service, address = node(bench, stack, folder, "better_sqlite3.js", folder / "peer.db", *mode)
    return [service], address


def start_sqlite_grouped(bench, stack, folder):
    return start_sqlite(bench, stack, folder, "grouped")


def start_postgresql(bench, stack, folder):
    """Defaults but for memory and the distance of checkpoints, which its manual tells to raise."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        raise BenchError("PostgreSQL is missing: ./dev bench installs it")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(folder, user, user)
    data, port = folder / "data", free_port()
    made = Service("initdb", [f"{found[-1]}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"],
                   folder, user=user)
    if made.process.wait() != 0:
        raise BenchError(f"initdb: {made.tail()}")
    server = run(stack, Service("postgres", [
        f"{found[-1]}/postgres", "-D", data, "-p", port, "-k", folder, "-c", "listen_addresses=127.0.0.1",
        "-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB"], folder, user=user))
    server.wait_for("ready to accept connections")
    service, address = node(bench, stack, folder, "postgresql.js", port)
    return [server, service], address


def start_redis(bench, stack, folder):
    port = free_port()
    server = run(stack, Service("redis", [
        "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes",
        "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0"], folder))
    server.wait_for("Ready to accept connections")
    service, address = node(bench, stack, folder, "redis.js", port)
    return [server, service], address


def start_nats(bench, stack, folder):
    port = free_port()
    server = run(stack, Service("nats", ["nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd", folder],
                                folder))
    server.wait_for("Server is ready")
    service, address = node(bench, stack, folder, "nats.js", port)
    return [server, service], address


def start_etcd(bench, stack, folder):
    """One member, defaults but for its quota, which a million resources would fill."""
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    server = run(stack, Service("etcd", [
        "etcd", "--data-dir", folder / "data", "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
        "--quota-backend-bytes", 8 << 30], folder))
    server.wait_for("ready to serve client requests|serving (insecure )?client (requests|traffic)")
    address = client.removeprefix("http://")
    resources = bench.options.resources
    bench.load("etcd_put", target=address, resources=resources, in_sequence=True, batch=ETCD_BATCH,
               count=-(-resources // ETCD_BATCH))
    return [server], address


STARTERS = {
    "fastify_sqlite": start_sqlite,
    "fastify_sqlite_grouped": start_sqlite_grouped,
    "fastify_postgresql": start_postgresql,
    "fastify_redis": start_redis,
    "fastify_nats": start_nats,
    "etcd": start_etcd,
}
