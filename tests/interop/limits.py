"""For each limit on content: a body at it and one past it, and both ends readable by every client.

What is stored must be readable by generated clients with their default settings (messages up to 4 MiB, nested
up to 100 levels), through Get, List and Watch, in either view: one webhook must never break a consumer. So all
bodies go into one server, and then a Python and a Node client read everything in every way.
"""

import json
import os
import tempfile

import harness

MIB = 1024 * 1024


def nested(depth, leaf="leaf"):
    for _ in range(depth):
        leaf = {"a": leaf}
    return leaf


def lists(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


def contact(resource_id, custom=None, raw=None, **more):
    return harness.event("genericContact", resource_id, {"firstName": "Ada", **(custom or {})}, rawResource=raw, **more)


def opportunity(resource_id, fields, **more):
    return harness.event("crmOpportunity", resource_id, fields, **more)


def embedded(model, resource_id, fields):
    return harness.event(model, resource_id, fields)["data"]


def chain(depth, prefix):
    """A stage whose pipeline is embedded, whose stage is embedded, and so on, `depth` deep."""
    fields = {"name": "end", "stages": []} if depth % 2 else {"name": "end", "type": "open"}
    for level in range(depth, 0, -1):
        if level % 2:
            fields = {"name": f"stage {level}", "type": "open", "pipeline": embedded("crmPipeline", f"{prefix}-{level}", fields)}
        else:
            fields = {"name": f"pipeline {level}", "stages": [embedded("crmStage", f"{prefix}-{level}", fields)]}
    return harness.event("crmStage", f"{prefix}-0", fields)


class Limits:
    def __init__(self, server):
        self.server = server
        self.expected = {}  # "model/owner/id" -> [custom fields, raw, warnings]
        self.absent = None

    def stored(self, what, body, custom=0, raw=False, warnings=0, owner=harness.OWNER, **post):
        """Posts a body that is taken, with so many custom fields and warnings in what is stored."""
        status, answer = self.server.post(body, owner=owner, **post)
        text = json.dumps(answer)[:2000]
        assert status == 200 and answer["verdict"] == "APPLIED", f"{what}: {status} {text}"
        if isinstance(body, bytes):
            body = json.loads(body)
        data = body["data"]
        self.expected[f"{data['model']}/{owner}/{data['id']}"] = [custom, raw, warnings]
        found = len(answer.get("warnings", []))
        assert found == warnings, f"{what}: {found} warnings, not {warnings}: {text}"
        return answer

    def refused(self, what, body, status, **post):
        got, answer = self.server.post(body, **post)
        text = json.dumps(answer)[:2000]
        assert got == status, f"{what}: {got}, not {status}: {text}"
        assert isinstance(answer, dict) and answer.get("status") == status and answer.get("title"), f"{what}: {text}"
        assert len(text) < 4096

    def depth(self):
        self.stored("custom, 16 deep", contact("deep-16", {"deep": nested(16)}), custom=1)
        self.stored("custom, 17 deep", contact("deep-17", {"deep": nested(17), "kept": 1}), custom=1, warnings=1)
        self.stored("lists, 16 deep", contact("lists-16", {"deep": lists(16)}), custom=1)
        self.stored("lists, 17 deep", contact("lists-17", {"deep": lists(17)}), warnings=1)
        self.stored("raw, 16 deep", contact("raw-deep-16", raw=nested(16)), raw=True)
        self.stored("raw, 17 deep", contact("raw-deep-17", raw=nested(17)), warnings=1)

    def size(self):
        self.stored("a custom field of nearly 1 MiB", contact("big", {"blob": "x" * (MIB - 1000)}), custom=1)
        self.stored("the same, changed", contact("big", {"blob": "y" * (MIB - 1000)}, trigger="updated",
                                                 updated="2025-06-02T09:00:00.000Z"), custom=1)
        self.stored("numbers that grow past 1 MiB", contact("grown", {"small": 1, "numbers": [0] * 200000}),
                    custom=1, warnings=1)
        self.stored("a raw resource of nearly 1 MiB", contact("raw", raw="x" * (MIB - 1000)), raw=True)
        self.stored("a raw resource that grows past 1 MiB", contact("raw-grown", raw=[0] * 200000), warnings=1)
        self.stored("both, below 1.25 MiB", contact("both", {"blob": "x" * 300000}, raw=[0] * 80000), custom=1, raw=True)
        self.stored("both, past 1.25 MiB", contact("both-grown", {"blob": "x" * 500000}, raw=[0] * 80000),
                    custom=1, warnings=1)
        self.stored("40,000 references", opportunity("refs", {"name": "n", "contacts": ["a"] * 40000}))
        self.refused("references that grow past 1 MiB", opportunity("refs-grown", {"contacts": ["a"] * 200000}), 422)
        body = json.dumps(contact("padded")).encode()
        self.stored("a body of 1 MiB", body + b" " * (MIB - len(body)))
        self.refused("a body of 1 MiB and a byte", body + b" " * (MIB - len(body) + 1), 413)
        self.refused("1 MiB of spaces", b" " * MIB, 400)

    def names(self):
        for letter, count in ("i", 512), ("é", 256):
            self.stored("an id of 512 bytes", contact(letter * count))
            self.refused("an id of more", contact(letter * count + "i"), 422)
        self.refused("an id with a control character", contact("a\u0001b"), 422)
        self.stored("an owner of 512 bytes", contact("owner"), owner="o" * 512)
        self.refused("an owner of 513 bytes", contact("owner"), 400, owner="o" * 513)
        self.refused("a connector of 513 bytes", contact("owner"), 400, connector="c" * 513)
        self.stored("a key of 512 bytes", contact("key"), key="k" * 512)
        self.refused("a key of 513 bytes", contact("key"), 400, key="k" * 513)

    def counts(self):
        keys = {f"key{n}": n for n in range(1000)}
        self.stored("1000 custom fields", contact("keys", keys), custom=1000)
        self.stored("1001 custom fields", contact("keys-more", {**keys, "one": "more"}), custom=1000, warnings=1)
        self.stored("a custom key of 256 bytes", contact("key-256", {"k" * 256: 1}), custom=1)
        self.stored("a custom key of 257 bytes", contact("key-257", {"k" * 257: 1, "kept": 1}), custom=1, warnings=1)
        wrong = {"name": "n", "contacts": [{"object": "resourceRef", "model": "crmStage", "id": str(n)} for n in range(40)]}
        self.stored("40 warnings", opportunity("warnings", wrong), warnings=32)

    def embedding(self):
        self.stored("embedded, 4 deep", chain(4, "four"))
        self.stored("embedded, 5 deep", chain(5, "five"))
        for level, model in (3, "crmPipeline"), (4, "crmStage"):
            self.expected[f"{model}/{harness.OWNER}/four-{level}"] = [0, False, 0]
        # Kept as a reference, with the warning on the resource that holds it.
        self.expected[f"crmStage/{harness.OWNER}/five-4"] = [0, False, 1]
        self.absent = f"crmPipeline/{harness.OWNER}/five-5"

    def many(self):
        contacts = [embedded("genericContact", f"many-{n}", {"firstName": "Ada"}) for n in range(101)]
        self.stored("100 embedded", opportunity("many-100", {"name": "n", "contacts": contacts[:100]}))
        self.stored("101 embedded", opportunity("many-101", {"name": "n", "contacts": contacts}), warnings=1)


def main():
    with tempfile.TemporaryDirectory(prefix="tributary-client-") as folder, harness.Server() as server:
        limits = Limits(server)
        for group in limits.depth, limits.size, limits.names, limits.counts, limits.embedding, limits.many:
            group()
        harness.make_python(folder)
        environment = {**os.environ, "TRIBUTARY_GRPC": server.grpc}
        here = harness.SOURCE / "tests" / "interop"
        python = json.loads(harness.run(["/usr/bin/python3", "-B", here / "python" / "read_all.py"],
                                        env={**environment, "PYTHONPATH": folder}))
        node = json.loads(harness.run(["node", here / "node" / "read_all.js"],
                                      env={**harness.node_environment(), **environment, "NODE_PATH": str(harness.TOOLS),
                                           "TRIBUTARY_PROTO": str(harness.SOURCE / "proto")}))
        assert python == node, "Python and Node read different things"
        for key, expected in limits.expected.items():
            assert python.get(key, [])[:3] == expected, f"{key[:80]}: {python.get(key)}, not {expected}"
        assert limits.absent not in python
        last = python[f"crmOpportunity/{harness.OWNER}/warnings"][3]
        assert "9 more" in last, f"the last of 40 warnings says {last}"
    print(f"limits: {len(python)} resources read by both clients")


if __name__ == "__main__":
    main()
