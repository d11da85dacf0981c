"""The parts of the path alone, by Google Benchmark: decoding webhooks, committing batches."""

import json
import subprocess

from ..options import ROOT
from ..process import BenchError

PART = "decode"
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def run(bench):
    folder = bench.folder("decode")
    for program in ("decode_bench", "commit_bench"):
        command = [bench.program(program), "--benchmark_format=json",
                   f"--benchmark_min_time={min(bench.options.seconds / 5, 1):.2f}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                              env={"VECTORS": str(ROOT / "proto/vectors"), "TMPDIR": str(folder)})
        if done.returncode != 0:
            raise BenchError(f"{program}: {done.stderr[-1000:]}")
        for row in json.loads(done.stdout)["benchmarks"]:
            bench.results.add(PART, row["name"], figures(row))


def figures(row):
    found = {"us": row["real_time"] * NANOSECONDS[row["time_unit"]] / 1000}
    if "items_per_second" in row:
        found["per_second"] = row["items_per_second"]
    return found
