"""The real server, which is killed now and then, and many connections that send until they are answered."""

import asyncio
import atexit
import collections
import dataclasses
import json
import os
import re
import signal
import subprocess
import threading

import deliveries
import harness


class Daemon:
    """tributaryd on one store, which keeps its ports when it is started again."""

    def __init__(self, folder, *flags):
        self._folder = folder
        self._flags = flags
        self.grpc = self.http = "127.0.0.1:0"
        self.log = []
        self._process = None
        atexit.register(self.kill)  # it must not outlive the soak, however that ends
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            [harness.BINARIES / "bin" / "tributaryd", f"--store=sqlite:{self._folder}/soak.db", f"--grpc_address={self.grpc}",
             f"--http_address={self.http}", *self._flags], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        for line in self._process.stderr:
            self.log.append(line)
            if match := re.search(r"listening grpc=(\S+) http=(\S+)", line):
                self.grpc, self.http = match.groups()
                # Reads on, so that the server never waits for a full pipe.
                threading.Thread(target=self.log.extend, args=(self._process.stderr,), daemon=True).start()
                return
        raise SystemExit("tributaryd did not start:\n" + "".join(self.log[-20:]))

    def kill(self):
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)


@dataclasses.dataclass
class Answer:
    delivery: deliveries.Delivery
    status: int
    verdict: str   # "": it names none
    number: int    # in the ledger; 0: none
    revision: int  # 0: none


class Connection:
    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, address):
        host, port = address.split(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    def close(self):
        self._writer.close()

    async def send(self, request):
        self._writer.write(request)
        await self._writer.drain()

    async def receive(self):
        """(status, headers, body). OSError or EOFError: the connection broke before there was an answer."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await self._reader.readexactly(int(headers["content-length"]))


class Sender:
    """Sends to one server, each delivery until it is answered, whatever happens to the server meanwhile."""

    def __init__(self, daemon, random):
        self._daemon = daemon
        self._random = random
        self._up = asyncio.Event()
        self._up.set()
        self._one_at_a_time = asyncio.Lock()
        self.begun = 0
        self.kills = 0
        self.answers = []
        self.unanswered = collections.Counter()  # by delivery: how often nobody knows what became of it

    async def send(self, queues, kill_at=()):
        """Sends what is in the iterators `queues`, each over a connection of its own, in its order. Kills the server
        whenever so many have begun to be sent."""
        self._kill_at = sorted(kill_at, reverse=True)
        await asyncio.gather(*(self._work(queue) for queue in queues))

    async def _work(self, queue):
        connection = None
        for delivery, loses_answer in queue:
            self.begun += 1
            if self._kill_at and self.begun >= self._kill_at[-1]:
                self._kill_at.pop()
                await self._kill()
            connection = await self._deliver(connection, delivery, loses_answer)
        if connection is not None:
            connection.close()

    async def _kill(self):
        # While the others send on, somewhere in the next commits.
        async with self._one_at_a_time:
            await asyncio.sleep(self._random.random() * 0.05)
            self._up.clear()
            self.kills += 1
            await asyncio.get_running_loop().run_in_executor(None, lambda: (self._daemon.kill(), self._daemon.start()))
            self._up.set()

    async def _deliver(self, connection, delivery, loses_answer):
        attempts = 0
        while True:
            await self._up.wait()
            attempts += 1
            sent = False
            try:
                if connection is None:
                    connection = await Connection.open(self._daemon.http)
                sent = True
                await connection.send(delivery.request)
                if loses_answer:
                    loses_answer = False
                    raise EOFError
                status, headers, body = await connection.receive()
            except (OSError, EOFError, asyncio.IncompleteReadError):
                self.unanswered[delivery] += sent
                if connection is not None:
                    connection.close()
                    connection = None
                # A body that is refused before it was read may well be answered by a broken connection.
                if delivery.fate == deliveries.REFUSED and attempts > 3:
                    return None
                continue
            if headers.get("connection") == "close":
                connection.close()
                connection = None
            if status == 503:
                continue
            self.answers.append(self._answer(delivery, status, headers, body))
            return connection

    @staticmethod
    def _answer(delivery, status, headers, body):
        answer = json.loads(body) if body else {}
        return Answer(delivery, status, headers.get("x-tributary-verdict", "").upper(),
                      int(headers.get("x-tributary-delivery-id", 0)), answer.get("revision", 0))
