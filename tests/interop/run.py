"""Runs the scenario below with a client generated from our protos in one language.

    run.py python|node|go|java

Every language does the same, against a real tributaryd and with its library's default settings:

1. posts a contact (first name set, last name empty, no email, custom fields) and three opportunities: o1 with
   amount 0, o2 without amount, o3 with amount 18499.9;
2. Get: absent, empty and zero are three things; custom values keep their types; an id that is not there is
   NOT_FOUND with trailing metadata `tributary-reason: RESOURCE_NOT_FOUND`, and the message ends with it;
3. BatchGet of o2, a missing id, o1 and o1: o2, o1 and the missing id;
4. List in pages of two: o1 o2, o3, one revision for all pages;
5. Watch: the snapshot o1 o2 o3 up to `snapshot_complete`; a heartbeat; then, as UPDATED with
   `fields.amount` among its changed fields, what an update of o1 made;
6. after a cancelled call, while nobody watched: o2 is deleted, o4 is created; the Watch that goes on with the
   last token sends just DELETED o2 and CREATED o4, in revision order, then heartbeats at the head.
"""

import os
import pathlib
import sys
import tempfile

import harness

HERE = pathlib.Path(__file__).resolve().parent


def run_python(folder, environment):
    harness.make_python(folder)
    path = f"{folder}:{HERE}"
    return harness.run(["/usr/bin/python3", HERE / "python" / "scenario.py"], env={**environment, "PYTHONPATH": path})


def run_node(_, environment):
    return harness.run([harness.need("node"), HERE / "node" / "scenario.js"],
                       env={**harness.node_environment(), **environment,
                            "NODE_PATH": str(harness.TOOLS), "TRIBUTARY_PROTO": str(harness.SOURCE / "proto")})


def run_go(folder, environment):
    build = harness.make_go(folder)
    program = pathlib.Path(folder) / "src" / "scenario"
    program.mkdir()
    (program / "main.go").write_text((HERE / "go" / "scenario.go").read_text())
    (program / "codec.go").write_text((HERE / "go" / "codec.go").read_text())
    binary = pathlib.Path(folder) / "scenario"
    harness.run(["go", "build", "-o", binary, "scenario"], env=build)
    return harness.run([binary], env=environment)


def run_java(folder, environment):
    path = harness.make_java(folder)
    classes = pathlib.Path(folder) / "classes"
    harness.run(["javac", "-proc:none", "-d", classes, "-cp", path, HERE / "java" / "Scenario.java"])
    return harness.run(["java", "-cp", path, "Scenario"], env=environment)


def main():
    language = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="tributary-client-") as folder, harness.Server() as server:
        environment = {**os.environ, "TRIBUTARY_GRPC": server.grpc, "TRIBUTARY_HTTP": server.http}
        print(globals()[f"run_{language}"](folder, environment), end="")


if __name__ == "__main__":
    main()
