"""Runs what the documentation prints, as printed.

    docs.py readme     every ```sh block of README.md, in order, in one folder, against one server
    docs.py filters    the commands of docs/filters.md, which print what the page says
    docs.py imports    likewise, of docs/imports.md
    docs.py backfill   the ```sh blocks of docs/backfill.md, from a fake of the source; they print what the page says
    docs.py cards      the ```sh blocks of docs/card_views.md, in one shell; the answers to card views are the page's
    docs.py clients    the Python, Node, Go and Java programs of docs/clients.md that follow, and the Python
                       and Node ones that expand references and read the past

Addresses of the default ports are replaced by those of the test's server; nothing else is.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import harness
from fake_morph import KEY, SECRET, FakeMorph

HERE = pathlib.Path(__file__).resolve().parent


def blocks(page, language):
    """The fenced blocks of one language on a page, each with the number of its first line."""
    text = (harness.SOURCE / page).read_text()
    found = []
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found.append((text.count("\n", 0, match.start()) + 2, match.group(1)))
    assert found, f"{page} has no {language} block"
    return found


def at_server(text, server):
    text = re.sub(r"\b(?:localhost|127\.0\.0\.1):50051\b", server.grpc, text)
    return re.sub(r"\b(?:localhost|127\.0\.0\.1):8080\b", server.http, text)


def readme():
    with tempfile.TemporaryDirectory(prefix="tributary-readme-") as folder, harness.Server() as server:
        tools = pathlib.Path(folder) / "tools"
        tools.mkdir()
        (tools / "buf").symlink_to(harness.buf())
        # No registry that a build may use has grpcurl: its lines are run by buf, through the same reflection.
        shutil.copy(HERE / "grpcurl", tools / "grpcurl")
        (tools / "tributary").symlink_to(harness.BINARIES / "bin" / "tributary")
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "TRIBUTARY_ADDRESS": server.grpc,
                       "TRIBUTARY_HTTP_ADDRESS": server.http}
        work = pathlib.Path(folder) / "clone"
        work.mkdir()
        (work / "build").symlink_to(harness.BINARIES)
        (work / "proto").symlink_to(harness.SOURCE / "proto")
        count = 0
        ((_, answer),) = blocks("README.md", "json")  # to the first block
        for line, block in blocks("README.md", "sh"):
            result = subprocess.run(["bash", "-euo", "pipefail", "-c", at_server(block, server)], cwd=work,
                                    env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=60)
            print(f"README.md:{line}\n{result.stdout}")
            assert result.returncode == 0, f"the block at README.md:{line} exited with {result.returncode}"
            assert count > 0 or result.stdout.strip() == answer.strip(), f"and not {answer}"
            count += 1
    print(f"README.md: {count} blocks ran")


def backfill():
    page = "docs/backfill.md"
    promised = [text for _, text in blocks(page, "text")]
    printed = []
    with tempfile.TemporaryDirectory(prefix="tributary-backfill-") as folder, FakeMorph() as morph, \
            harness.Server() as server:
        for i in range(250):
            morph.put("crmOpportunity", f"{i}", {"name": f"Deal {i}", "tier": "gold"})
        for i in range(40):
            morph.put("genericContact", f"{i}", {"firstName": f"Contact {i}"})
        morph.fields["crmOpportunity"] = [{"key": "amount", "name": "Amount", "type": "number"},
                                          {"key": "tier", "name": "Tier", "type": "text"},
                                          {"key": "since", "name": "Since", "type": "datetime", "format": "date"}]
        (pathlib.Path(folder) / "tributary").symlink_to(harness.BINARIES / "bin" / "tributary")
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TRIBUTARY_ADDRESS": server.grpc,
                       "TRIBUTARY_MORPH_URL": morph.url, "MORPH_API_KEY": KEY, "MORPH_API_SECRET": SECRET}
        for line, block in blocks(page, "sh"):
            if "delete_missing" in block:
                morph.remove("crmOpportunity", "17")
            # Nobody's key and secret stand on the page.
            block = re.sub(r"^export .*$", "", block, flags=re.MULTILINE)
            result = subprocess.run(["bash", "-euo", "pipefail", "-c", block], env=environment, text=True, timeout=60,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    check=False)
            said = result.stdout + result.stderr
            assert result.returncode == 0, f"{page}:{line} exited with {result.returncode}:\n{said}"
            printed.append(result.stdout)
    assert [printed[0], printed[-1]] == promised, f"{page} promises {promised}, and not {printed}"
    print(f"{page}: {len(printed)} blocks ran")


def cards():
    page = "docs/card_views.md"
    with tempfile.TemporaryDirectory(prefix="tributary-cards-") as folder, harness.Server() as server:
        work = pathlib.Path(folder)
        (work / "build").symlink_to(harness.BINARIES)
        (work / "proto").symlink_to(harness.SOURCE / "proto")
        # One shell for all blocks, so that what one defines the next has; a mark between their outputs.
        script = "\n".join(f"{at_server(block, server)}\necho; echo @@" for _, block in blocks(page, "sh"))
        ended = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", f"{ended}\n{script}"], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        print(result.stdout)
        assert result.returncode == 0, f"{page} exited with {result.returncode}"
        printed = [json.loads(text) for text in result.stdout.split("\n@@\n") if text.strip().startswith('{"cards"')]
        promised = [json.loads(block) for _, block in blocks(page, "json")]
        assert printed == promised, f"{page} promises {promised}, and not {printed}"


# Whether the server takes filters in Watch, so that those of docs/filters.md are run too.
WATCH_TAKES_FILTERS = True


def examples(page):
    """The commands of the console blocks of a page, each with the line it stands on and what it prints."""
    for first, block in blocks(page, "console"):
        command, at, printed = None, 0, []
        for number, line in enumerate(block.splitlines() + ["$ "], first):
            if not line.startswith("$ "):
                printed.append(line)
                continue
            if command:
                yield at, command, "\n".join(printed)
            command, at, printed = line[2:], number, []


def columns(text):
    """Lines of words: how wide a column is depends on what else stands in it."""
    return [line.split() for line in text.splitlines() if line.strip()]


def run_page(page, examples_min):
    """Runs the one ```sh block of a page, then its examples, which print what the page says."""
    with tempfile.TemporaryDirectory(prefix="tributary-docs-") as folder, harness.Server() as server:
        tools = pathlib.Path(folder) / "tools"
        tools.mkdir()
        (tools / "tributary").symlink_to(harness.BINARIES / "bin" / "tributary")
        work = pathlib.Path(folder) / "work"
        work.mkdir()
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "TRIBUTARY_ADDRESS": server.grpc,
                       "TRIBUTARY_HTTP_ADDRESS": server.http}

        def shell(command):
            return subprocess.run(["bash", "-c", command], cwd=work, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)

        ((line, data),) = blocks(page, "sh")
        sent = shell(f"set -euo pipefail\n{data}")
        assert sent.returncode == 0, f"{page}:{line}:\n{sent.stdout}"
        environment.update(re.findall(r"(TRIBUTARY_\w+)=(\S+)", data))
        count = 0
        for line, command, printed in examples(page):
            if command.startswith("tributary watch") and not WATCH_TAKES_FILTERS:
                continue
            result = shell(command)
            assert columns(result.stdout) == columns(printed), \
                f"{page}:{line}: {command}\nprinted\n{result.stdout}\nand not\n{printed}"
            count += 1
        assert count >= examples_min, f"{page} has only {count} examples"
    print(f"{page}: {count} examples ran")


def filters():
    run_page("docs/filters.md", 10)


def imports():
    run_page("docs/imports.md", 5)


def follows(command, server, environment):
    """Starts a printed program, which keeps a copy of contacts, and sees it follow, stop and resume."""
    folder = tempfile.mkdtemp(prefix="tributary-docs-")
    (pathlib.Path(folder) / "proto").symlink_to(harness.SOURCE / "proto")
    log = open(pathlib.Path(folder) / "out", "w+")  # pylint: disable=consider-using-with

    def start():
        return subprocess.Popen([str(part) for part in command], cwd=folder, env=environment,
                                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait_for(text, process):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            printed = (pathlib.Path(folder) / "out").read_text()
            if text in printed:
                return printed
            assert process.poll() is None, f"{command} ended with {process.returncode}:\n{printed}"
            time.sleep(0.05)
        raise AssertionError(f"{command} did not print {text!r} within 60 s:\n{printed}")

    def saved():
        path = pathlib.Path(folder) / "token"
        return path.read_text() if path.exists() else ""

    def wait_until_saved(before):
        """What a program printed but has not saved comes again after a crash, rightly: so not to crash there."""
        deadline = time.monotonic() + 60
        while saved() in ("", before):
            assert time.monotonic() < deadline, f"{command} saved no new token within 60 s"
            time.sleep(0.05)

    def post(resource_id, name, updated):
        status, answer = server.post(harness.event("genericContact", resource_id, {"firstName": name}, updated=updated))
        assert status == 200 and answer["verdict"] == "APPLIED", answer

    # Each program meets the contacts of the ones before it too: only the names tell them apart.
    post("docs-1", "First", f"2025-06-01T09:00:00.{STAMP():03}Z")
    process = start()
    try:
        wait_for("put docs-1 First", process)
        wait_until_saved("")
        token = saved()
        post("docs-2", "Second", f"2025-06-01T09:00:00.{STAMP():03}Z")
        wait_for("put docs-2 Second", process)
        wait_until_saved(token)
        process.kill()
        process.wait()
        before = (pathlib.Path(folder) / "out").read_text()
        post("docs-3", "Third", f"2025-06-01T09:00:00.{STAMP():03}Z")
        process = start()
        after = wait_for("put docs-3 Third", process)[len(before):]
        # It went on: what it had is not sent again.
        assert "docs-1" not in after and "docs-2" not in after, after
    finally:
        process.kill()
        process.wait()
        log.close()
        shutil.rmtree(folder)


def STAMP(counter=iter(range(1000))):  # pylint: disable=invalid-name
    return next(counter)


def expands(command, server, environment):
    """Runs a printed program that reads a deal with its stage, as it is and as it was."""
    for resource_id, name in (("s1", "New"), ("s2", "Won")):
        server.post(harness.event("crmStage", resource_id, {"name": name, "type": "open"}))
    for updated, stage in (("2025-06-01T09:00:00.000Z", "s1"), ("2025-06-02T09:00:00.000Z", "s2")):
        server.post(harness.event("crmOpportunity", "311", {"stage": {"id": stage}, "owner": {"id": "nobody"}},
                                  updated=updated))
    with tempfile.TemporaryDirectory(prefix="tributary-docs-") as folder:
        (pathlib.Path(folder) / "proto").symlink_to(harness.SOURCE / "proto")
        printed = harness.run(command, cwd=folder, env=environment, timeout=60).split()
    assert [word.lower() for word in printed] == ["won", "false", "new"], printed


def clients():
    with tempfile.TemporaryDirectory(prefix="tributary-docs-") as folder, harness.Server() as server:
        folder = pathlib.Path(folder)

        def program(language, suffix, name, method="watchContacts"):
            ((_, text),) = [block for block in blocks("docs/clients.md", language)
                            if method.lower() in block[1].lower()]
            lines = [line for line in text.splitlines()
                     if line.strip() and not re.match(r'import |from |package |\t"|[\s(){};]*$', line)]
            assert len(lines) <= 36, f"the {language} program of docs/clients.md grew to {len(lines)} lines"
            path = folder / name / f"{'Follow' if suffix == 'java' else 'follow'}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(at_server(text, server))
            return path

        path = program("python", "py", "python")
        harness.make_python(path.parent)
        follows(["/usr/bin/python3", "-u", path], server, os.environ)

        path = program("python", "py", "python", "getOpportunity")
        expands(["/usr/bin/python3", path], server, os.environ)

        path = program("js", "js", "node")
        follows(["node", path], server, {**harness.node_environment()})
        path = program("js", "js", "node", "getOpportunity")
        expands(["node", path], server, harness.node_environment())

        path = program("go", "go", "go/src/follow")
        shutil.copy(HERE / "go" / "codec.go", path.parent)
        environment = harness.make_go(folder / "go")
        harness.run(["go", "build", "-o", folder / "go" / "follow", "follow"], env=environment)
        follows([folder / "go" / "follow"], server, os.environ)

        path = program("java", "java", "java-program")
        classes = harness.make_java(folder / "java")
        harness.run(["javac", "-proc:none", "-d", folder / "java" / "classes", "-cp", classes, path])
        follows(["java", "-cp", classes, "Follow"], server, os.environ)
    print("docs/clients.md: python, node, go and java follow and resume; python and node expand references")


if __name__ == "__main__":
    {"readme": readme, "filters": filters, "imports": imports, "backfill": backfill, "cards": cards, "clients": clients}[sys.argv[1]]()
