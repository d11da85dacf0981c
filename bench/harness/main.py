"""One run: the parts that were asked for, the table, the check."""

import contextlib
import datetime
import importlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

from . import bars, load, options as options_module, table
from .process import BenchError
from .results import Results
from .tributary import Stores, Tributary


class Bench:
    """What every part is given."""

    def __init__(self, options, work):
        self.options = options
        self.work = work
        self.results = Results()
        self.stores = Stores(self)
        self.broken = []  # parts that did not come to their end

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def program(self, name):
        return self.options.bin / name

    def folder(self, name, fresh=False):
        folder = self.work / name
        if fresh and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def load(self, verb, **flags):
        return load.measure(self.program("load"), verb, *load.words(flags))

    def start_load(self, verb, **flags):
        return load.Load(self.program("load"), verb, **flags)

    def measure(self, program, *arguments):
        return load.measure(self.program(program), *arguments)

    def sample_body(self):
        """The JSON that the load sends, for those that fill a peer with it."""
        return subprocess.run([self.program("load"), "body"], check=True, stdout=subprocess.PIPE, text=True).stdout

    @contextlib.contextmanager
    def tributary(self, name, resources=None, flags=()):
        """A server on a store of its own that already holds `resources`; 0 is an empty one."""
        resources = self.options.resources if resources is None else resources
        folder = self.stores.copy(resources, name) if resources else self.folder(name)
        try:
            with Tributary(self, folder, flags) as server:
                yield server
        finally:
            shutil.rmtree(folder)

    def settle(self, *folders):
        """Gets what others wrote out of the way of the next measurement, and brings back into the page cache
        what the machine took of `folders`, those of who is measured: nobody is to pay for having stood still."""
        os.sync()
        buffer = bytearray(1 << 20)
        for file in (file for folder in folders for file in folder.rglob("*") if file.is_file()):
            with contextlib.suppress(OSError), file.open("rb", buffering=0) as stored:
                while stored.readinto(buffer):
                    pass


def machine():
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count(), "cpu": cpu, "memory_gib": round(memory / 2**30, 1),
            "kernel": platform.release()}


def run_parts(options):
    parts = options_module.PARTS if options.part == "all" else (options.part,)
    with tempfile.TemporaryDirectory(prefix="tributary-bench-", dir=options.work) as work:
        os.chmod(work, 0o755)  # PostgreSQL runs as a user of its own
        bench = Bench(options, pathlib.Path(work))
        for part in parts:
            bench.say(f"== {part}")
            run_part(bench, part)
    return bench, parts


def run_part(bench, part):
    """One that breaks off must not take along what the others measured."""
    try:
        importlib.import_module(f".parts.{part}", __package__).run(bench)
    except BenchError as error:
        bench.say(f"bench: {part} broke off: {error}")
        bench.results.unavailable(part, "the rest of this part", str(error).splitlines()[0])
        bench.broken.append(part)


def main(arguments):
    options = options_module.parse(arguments)
    bench, parts = run_parts(options)
    judged = bars.judge(bench.results.bars, parts)
    rows = bench.results.as_json()
    print(table.text(rows, judged))
    if options.json:
        document = {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                    "machine": machine(), "options": {name: str(value) for name, value in vars(options).items()
                                                      if name not in ("json", "work", "bin")},
                    "bars": judged, "rows": rows}
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    failed = bars.failures(judged) if options.check else []
    for bar in failed:
        print(f"bench: {bar['verdict']}: {bar['what']}", file=sys.stderr)
    return 1 if failed or bench.broken else 0
