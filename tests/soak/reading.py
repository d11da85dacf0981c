"""What a server holds and has on record, read over gRPC by descriptors alone."""

import collections
import importlib
import pathlib

import grpc
from google.protobuf import symbol_database

import harness

PAGE = 1000
FULL = 2


class Model:
    """A resource as its descriptor has it."""

    def __init__(self, arm, annotations):
        self.arm = arm.name
        self.message = arm.message_type
        self.rule = self.message.GetOptions().Extensions[annotations.resource]
        self.name = self.rule.model
        self.fields = self.message.fields_by_name["fields"].message_type
        service = self.message.file.services_by_name[f"{self.message.name}Service"]
        self.list = next(method for method in service.methods if method.name.startswith("List"))
        self.items = next(field.name for field in self.list.output_type.fields
                          if field.message_type and field.message_type.full_name == self.message.full_name)


class Protos:
    """The generated Python client, in `folder`, which must be on the path."""

    def __init__(self, folder):
        harness.make_python(folder)
        root = pathlib.Path(folder)
        for path in sorted(root.rglob("*_pb2.py")):
            importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
        self.annotations = importlib.import_module("tributary.v1.annotations_pb2")
        self.feed = importlib.import_module("tributary.feed.v1.feed_pb2")
        self.ingest = importlib.import_module("tributary.ingest.v1.delivery_pb2")
        self.server = importlib.import_module("tributary.v1.server_pb2")
        arms = self.feed.Resource.DESCRIPTOR.oneofs_by_name["kind"].fields
        self.models = [Model(arm, self.annotations) for arm in arms]


class Reader:
    def __init__(self, address, protos):
        self._channel = grpc.insecure_channel(address)
        self._protos = protos

    def close(self):
        self._channel.close()

    def _call(self, method, **fields):
        """Calls a method, given by its descriptor."""
        classes = symbol_database.Default()
        name = f"/{method.containing_service.full_name}/{method.name}"
        call = self._channel.unary_unary(name, request_serializer=classes.GetPrototype(method.input_type).SerializeToString,
                                         response_deserializer=classes.GetPrototype(method.output_type).FromString)
        return call(classes.GetPrototype(method.input_type)(**fields), timeout=300)

    def _pages(self, method, **fields):
        token = ""
        while True:
            page = self._call(method, page_size=PAGE, page_token=token, **fields)
            yield page
            token = page.next_page_token
            if not token:
                return

    def _method(self, module, service, name):
        return module.DESCRIPTOR.services_by_name[service].methods_by_name[name]

    def head(self):
        return self._call(self._method(self._protos.server, "ServerService", "GetServerInfo")).head_revision

    def resources(self):
        """Everything, from every page of every List: {(model, connector, owner, id): message}."""
        held = {}
        for model in self._protos.models:
            for page in self._pages(model.list, view=FULL):
                for item in getattr(page, model.items):
                    held[model.name, item.connector_id, item.owner_id, item.id] = item
        return held

    def ledger(self):
        """Every delivery on record, by number."""
        method = self._method(self._protos.ingest, "DeliveryService", "ListDeliveries")
        return {int(record.id): record for page in self._pages(method) for record in page.deliveries}

    def replay_all(self):
        """Judges everything again; (replays by (before, after), how many had no body)."""
        method = self._method(self._protos.ingest, "DeliveryService", "ReplayDeliveries")
        verdicts = self._protos.ingest.Verdict
        counts, skipped = collections.Counter(), 0
        for page in self._pages(method, filter="id = *"):
            skipped += page.skipped_without_body
            counts.update((verdicts.Name(replay.before)[8:], verdicts.Name(replay.after)[8:]) for replay in page.replays)
        return counts, skipped
