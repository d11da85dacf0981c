"""The scenario of ../run.py, in Python."""

import os

import grpc

import harness
from tributary.crm.v1 import opportunity_pb2, opportunity_pb2_grpc
from tributary.generic.v1 import contact_pb2, contact_pb2_grpc
from tributary.v1 import watch_pb2

SCOPE = {"connector_id": harness.CONNECTOR, "owner_id": harness.OWNER}
CUSTOM = {"region": "EMEA", "score": 0, "vip": False, "tags": ["a", "b"], "nested": {"x": {"y": 1.5}}}


class Poster(harness.Server):
    """The posting half of the harness, for a server that somebody else runs."""

    def __init__(self, http):  # pylint: disable=super-init-not-called
        self.http = http

    def applied(self, *args, **kwargs):
        status, answer = self.post(harness.event(*args, **kwargs))
        assert (status, answer["verdict"]) == (200, "APPLIED"), answer
        return answer


def post_all(poster):
    poster.applied("genericContact", "c1", {"firstName": "Inès", "lastName": "", **CUSTOM})
    poster.applied("crmOpportunity", "o1", {"name": "zero", "amount": 0})
    poster.applied("crmOpportunity", "o2", {"name": "none"})
    poster.applied("crmOpportunity", "o3", {"name": "some", "amount": 18499.9})


def check_get(channel):
    contacts = contact_pb2_grpc.ContactServiceStub(channel)
    contact = contacts.GetContact(contact_pb2.GetContactRequest(id="c1", **SCOPE), timeout=5)
    assert contact.fields.first_name == "Inès"
    assert contact.fields.HasField("last_name") and contact.fields.last_name == ""
    assert not contact.fields.HasField("email")
    values = contact.custom_fields
    assert values["region"].string_value == "EMEA"
    assert values["score"].WhichOneof("kind") == "number_value" and values["score"].number_value == 0
    assert values["vip"].WhichOneof("kind") == "bool_value" and not values["vip"].bool_value
    assert [item.string_value for item in values["tags"].list_value.values] == ["a", "b"]
    assert values["nested"].struct_value["x"]["y"] == 1.5
    assert contact.revision > 0 and contact.updated_at.seconds == 1748768400
    try:
        contacts.GetContact(contact_pb2.GetContactRequest(id="nobody", **SCOPE), timeout=5)
        raise AssertionError("a missing contact was found")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details().endswith("(RESOURCE_NOT_FOUND)"), error.details()
        assert dict(error.trailing_metadata())["tributary-reason"] == "RESOURCE_NOT_FOUND"


def check_batch_and_list(deals):
    answer = deals.BatchGetOpportunities(
        opportunity_pb2.BatchGetOpportunitiesRequest(ids=["o2", "missing", "o1", "o1"], **SCOPE), timeout=5)
    assert [deal.id for deal in answer.opportunities] == ["o2", "o1"]
    assert list(answer.missing_ids) == ["missing"] and not answer.unread_ids
    none, zero = answer.opportunities
    assert zero.fields.HasField("amount") and zero.fields.amount == 0
    assert not none.fields.HasField("amount") and not none.fields.HasField("currency")

    first = deals.ListOpportunities(opportunity_pb2.ListOpportunitiesRequest(page_size=2, **SCOPE), timeout=5)
    assert [deal.id for deal in first.opportunities] == ["o1", "o2"] and first.next_page_token
    second = deals.ListOpportunities(opportunity_pb2.ListOpportunitiesRequest(
        page_size=2, page_token=first.next_page_token, **SCOPE), timeout=5)
    assert [deal.id for deal in second.opportunities] == ["o3"] and not second.next_page_token
    assert second.opportunities[0].fields.amount == 18499.9
    assert first.revision == second.revision > 0


def watch(deals, token=""):
    request = opportunity_pb2.WatchOpportunitiesRequest(resume_token=token, **SCOPE)
    request.heartbeat_interval.seconds = 1
    return deals.WatchOpportunities(request)


def check_watch(deals, poster):
    stream = watch(deals)
    seen = []
    for response in stream:
        seen += [change.resource.id for change in response.changes]
        assert all(change.type == watch_pb2.CHANGE_TYPE_EXISTING for change in response.changes)
        if response.snapshot_complete:
            break
    assert seen == ["o1", "o2", "o3"], seen
    while next(stream).changes:
        pass  # Until a heartbeat.

    updated = poster.applied("crmOpportunity", "o1", {"name": "zero", "amount": 5}, trigger="updated",
                             updated="2025-06-02T09:00:00.000Z")
    response = next(r for r in stream if r.changes)
    (change,) = response.changes
    assert change.type == watch_pb2.CHANGE_TYPE_UPDATED and change.revision == updated["revision"]
    assert "fields.amount" in change.changed_fields and change.resource.fields.amount == 5
    token = response.resume_token
    stream.cancel()

    poster.applied("crmOpportunity", "o2", {}, trigger="deleted", updated="2025-06-03T09:00:00.000Z")
    created = poster.applied("crmOpportunity", "o4", {"name": "new"})
    stream = watch(deals, token)
    changes = []
    for response in stream:
        changes += response.changes
        assert not response.snapshot_complete
        if len(changes) == 2 and not response.changes and response.revision >= created["revision"]:
            assert response.revision == response.head_revision
            break
    assert [(c.type, c.resource.id) for c in changes] == [
        (watch_pb2.CHANGE_TYPE_DELETED, "o2"), (watch_pb2.CHANGE_TYPE_CREATED, "o4")], changes
    assert changes[0].revision < changes[1].revision == created["revision"]
    stream.cancel()


def main():
    poster = Poster(os.environ["TRIBUTARY_HTTP"])
    with grpc.insecure_channel(os.environ["TRIBUTARY_GRPC"]) as channel:
        deals = opportunity_pb2_grpc.OpportunityServiceStub(channel)
        post_all(poster)
        check_get(channel)
        check_batch_and_list(deals)
        check_watch(deals, poster)
    print("python: ok")


if __name__ == "__main__":
    main()
