"""Starts a real tributaryd for a test, posts webhooks to it, and makes the clients of other languages.

Used by every program in this folder. Each test gets a server of its own: a fresh store in a temporary
folder and ports that the system chose.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("TRIBUTARY_BINARY_DIR", SOURCE / "build"))
# Node packages and buf, which `./dev test` installs; one place for every build folder.
TOOLS = pathlib.Path(os.environ.get("TRIBUTARY_TOOLS_DIR", SOURCE / "build" / "tools")) / "node_modules"
PAYLOADS = SOURCE / "proto" / "vectors"

CONNECTOR = "hubspot"
OWNER = "acme"


class Server:
    """A running tributaryd. `grpc` and `http` are host:port; `stop()` ends it and returns its exit code."""

    def __init__(self, store=None, flags=()):
        self._folder = tempfile.TemporaryDirectory(prefix="tributary-interop-")
        self.store = store or pathlib.Path(self._folder.name) / "tributary.db"
        self.process = subprocess.Popen(
            [BINARIES / "bin" / "tributaryd", f"--store=sqlite:{self.store}",
             "--grpc_address=127.0.0.1:0", "--http_address=127.0.0.1:0", *flags],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=self._folder.name)
        self.log = []
        self._ready = threading.Event()
        self.grpc = self.http = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(60) or not self.grpc:
            self.process.kill()
            raise RuntimeError("tributaryd did not start:\n" + "".join(self.log))

    def _read(self):
        # Reads to the end, so that the server never waits for a full pipe.
        for line in self.process.stderr:
            self.log.append(line)
            match = re.search(r"listening grpc=(\S+) http=(\S+)", line)
            if match:
                self.grpc, self.http = match.groups()
                self._ready.set()
        self._ready.set()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError("tributaryd did not end within 15 s of SIGTERM")
        self._folder.cleanup()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = self.stop()
        if kind:
            sys.stderr.write("--- tributaryd said:\n" + "".join(self.log[-50:]))
        elif code != 0:
            raise AssertionError(f"tributaryd ended with {code}:\n" + "".join(self.log[-50:]))

    def post(self, body, key=None, connector=CONNECTOR, owner=OWNER):
        """Posts one webhook; returns (status, answer as JSON). `body` is bytes or what json.dumps takes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.http}/webhooks", data=data, headers={
            "Content-Type": "application/json", "x-connector-id": connector, "x-owner-id": owner,
            "x-idempotency-key": key or f"key-{time.monotonic_ns()}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()
            with contextlib.suppress(ValueError):
                return error.code, json.loads(text)
            return error.code, text.decode("utf-8", "replace")


def event(model, resource_id, fields, trigger="created", updated="2025-06-01T09:00:00.000Z", **data):
    """The body of a webhook; `data` adds or replaces keys of the resource."""
    return {"event": f"{model}::{trigger}", "data": {
        "object": "resource", "model": model, "id": resource_id, "fields": fields,
        "createdAt": "2025-06-01T09:00:00.000Z", "updatedAt": updated, "rawResource": None,
        "warnings": [], **data}}


def proto_files():
    root = SOURCE / "proto"
    return sorted(str(path.relative_to(root)) for path in (root / "tributary").rglob("*.proto"))


def run(command, **options):
    """Runs `command` (a list) and fails with its output if it does."""
    options.setdefault("timeout", 240)
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))[:400]}\nexited with {result.returncode}:\n{result.stdout}")
    return result.stdout


def need(tool):
    if not shutil.which(str(tool)):
        raise SystemExit(f"{tool} is missing; `./dev test` installs it")
    return str(tool)


def make_python(folder):
    """Generates the Python client into `folder`."""
    plugin = shutil.which(need("grpc_python_plugin"))
    run([need("protoc"), "-I", SOURCE / "proto", f"--python_out={folder}", f"--grpc_python_out={folder}",
         f"--plugin=protoc-gen-grpc_python={plugin}", *proto_files()])


def make_go(folder):
    """Generates the Go client into the GOPATH `folder`; returns the environment to build with."""
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{folder}:/usr/share/gocode", "GOFLAGS": "",
           "GOCACHE": str(BINARIES / "go-cache")}
    # Debian installs a protoc-gen-go that knows no proto3 `optional`; the newer one is there as source.
    plugin = pathlib.Path(folder) / "protoc-gen-go"
    run([need("go"), "build", "-o", plugin, "google.golang.org/protobuf/cmd/protoc-gen-go"], env=env)
    source = pathlib.Path(folder) / "src"
    source.mkdir(parents=True, exist_ok=True)
    run([need("protoc"), "-I", SOURCE / "proto", f"--plugin=protoc-gen-go={plugin}", f"--go_out={source}",
         f"--go-grpc_out={source}", *proto_files()])
    return env


JARS = ["grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-protobuf-lite", "grpc-stub",
        "guava", "protobuf", "perfmark-api", "opencensus-api"] + [
            f"netty-{name}" for name in (
                "buffer", "codec", "codec-http", "codec-http2", "codec-socks", "common", "handler",
                "handler-proxy", "resolver", "transport", "transport-native-unix-common")]


def make_java(folder):
    """Generates and compiles the Java client into `folder`/classes; returns the class path."""
    folder = pathlib.Path(folder)
    sources, classes = folder / "java", folder / "classes"
    sources.mkdir(parents=True)
    classes.mkdir()
    plugin = shutil.which(need("grpc_java_plugin"))
    run([need("protoc"), "-I", SOURCE / "proto", f"--plugin=protoc-gen-grpc-java={plugin}",
         f"--java_out={sources}", f"--grpc-java_out={sources}", *proto_files()])
    # The generated stubs carry an annotation that no JDK since 11 has and that none of Debian's gRPC
    # packages brings along.
    annotation = sources / "javax" / "annotation" / "Generated.java"
    annotation.parent.mkdir(parents=True)
    annotation.write_text("package javax.annotation;\npublic @interface Generated {\n"
                          "  String[] value();\n  String comments() default \"\";\n}\n")
    jars = ":".join(f"/usr/share/java/{jar}.jar" for jar in JARS)
    listing = folder / "sources.txt"
    listing.write_text("\n".join(map(str, sources.rglob("*.java"))))
    run([need("javac"), "-nowarn", "-proc:none", "-d", classes, "-cp", jars, f"@{listing}"])
    return f"{classes}:{jars}"


def node_environment():
    if not (TOOLS / "@grpc" / "grpc-js").is_dir():
        raise SystemExit(f"the Node packages are missing in {TOOLS}; `./dev test` installs them")
    return {**os.environ, "NODE_PATH": str(TOOLS)}


def buf():
    return need(TOOLS / ".bin" / "buf")
