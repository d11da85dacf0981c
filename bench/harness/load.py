"""The programs that measure: each prints one line of JSON."""

import json
import subprocess

from .process import BenchError


def words(flags):
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
            for name, value in flags.items()]


def parse(name, output):
    try:
        return json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise BenchError(f"{name} printed no figures: {output[-500:]}") from None


def measure(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{program.name} {' '.join(map(str, arguments))}: {done.stderr[-1000:]}")
    return parse(program.name, done.stdout)


class Load:
    """A load under way beside another one."""

    def __init__(self, program, verb, **flags):
        self.name = f"load {verb}"
        self.process = subprocess.Popen([program, verb, *words(flags)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def wait_until_ready(self):
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            raise BenchError(f"{self.name} did not get ready: {line}{self.process.stderr.read()[-1000:]}")

    def running(self):
        return self.process.poll() is None

    def finish(self):
        """Its figures; one that waits for the end of its input is told so."""
        output, errors = self.process.communicate()
        if self.process.returncode != 0:
            raise BenchError(f"{self.name}: {errors[-1000:]}")
        return parse(self.name, output)
