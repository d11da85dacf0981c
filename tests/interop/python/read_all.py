"""Reads everything of four models in every way there is, with gRPC's default settings, and prints a summary.

The last line is JSON: {"model/owner/id": [number of custom fields, has raw, number of warnings, the last of them]}.
"""

import importlib
import json
import os

import grpc

SERVICES = {"genericContact": ("generic", "contact", "Contact", "Contacts"),
            "crmOpportunity": ("crm", "opportunity", "Opportunity", "Opportunities"),
            "crmPipeline": ("crm", "pipeline", "Pipeline", "Pipelines"),
            "crmStage": ("crm", "stage", "Stage", "Stages")}
BASIC, FULL = 1, 2
BEGINNING = 3


def summary(resource):
    last = resource.warnings[-1].message if resource.warnings else ""
    return [len(resource.custom_fields), resource.HasField("raw_resource"), len(resource.warnings), last]


def pages(method, request, items):
    while True:
        answer = method(request, timeout=20)
        yield from getattr(answer, items)
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def read(channel, model):
    group, name, single, plural = SERVICES[model]
    pb2 = importlib.import_module(f"tributary.{group}.v1.{name}_pb2")
    stubs = importlib.import_module(f"tributary.{group}.v1.{name}_pb2_grpc")
    stub = getattr(stubs, f"{single}ServiceStub")(channel)
    items = {"Opportunities": "opportunities"}.get(plural, plural.lower())

    def listed(view):
        return list(pages(getattr(stub, f"List{plural}"), getattr(pb2, f"List{plural}Request")(view=view), items))

    def watched(**request):
        state = {}
        for response in getattr(stub, f"Watch{plural}")(getattr(pb2, f"Watch{plural}Request")(stop_at_head=True, **request)):
            for change in response.changes:
                resource = change.resource
                state[resource.connector_id, resource.owner_id, resource.id] = resource
        return [state[key] for key in sorted(state, key=lambda key: [part.encode() for part in key])]

    full = listed(FULL)
    assert watched(view=FULL) == full, f"{model}: a snapshot differs from the list"
    assert watched(view=FULL, start=BEGINNING, include_previous=True) == full, f"{model}: replay differs"
    basic = listed(BASIC)
    assert watched() == basic and not any(item.HasField("raw_resource") for item in basic)
    for view, expected in (BASIC, basic), (FULL, full):
        for item in expected:
            got = getattr(stub, f"Get{single}")(getattr(pb2, f"Get{single}Request")(
                connector_id=item.connector_id, owner_id=item.owner_id, id=item.id, view=view), timeout=20)
            assert got == item, f"{model} {item.id[:40]}: Get differs from List"
    return {f"{model}/{item.owner_id}/{item.id}": summary(item) for item in full}


def main():
    result = {}
    with grpc.insecure_channel(os.environ["TRIBUTARY_GRPC"]) as channel:
        for model in SERVICES:
            result.update(read(channel, model))
    print(json.dumps(result, sort_keys=True))


if __name__ == "__main__":
    main()
