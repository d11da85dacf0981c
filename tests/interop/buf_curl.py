"""Exploration with `buf curl` through reflection alone: no proto file is given to it."""

import json
import subprocess

import harness

SCOPE = {"connectorId": harness.CONNECTOR, "ownerId": harness.OWNER}


class Curl:
    def __init__(self, server):
        self.server = server

    def __call__(self, method, request=None, options=()):
        command = [harness.buf(), "curl", "--protocol", "grpc", "--http2-prior-knowledge", *options]
        if request is not None:
            command += ["-d", json.dumps(request)]
        return subprocess.run([*command, f"http://{self.server.grpc}/{method}".rstrip("/")],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def messages(self, method, request):
        result = self(method, request)
        assert result.returncode == 0, result.stderr
        decoder, text, found = json.JSONDecoder(), result.stdout.strip(), []
        while text:
            message, end = decoder.raw_decode(text)
            found.append(message)
            text = text[end:].lstrip()
        return found

    def one(self, method, request):
        (message,) = self.messages(method, request)
        return message

    def error(self, method, request):
        result = self(method, request)
        assert result.returncode != 0, f"{method} worked: {result.stdout}"
        return result.stderr


def post(server):
    for resource_id, amount in ("1", 0), ("2", 18499.9):
        status, answer = server.post(harness.event("crmOpportunity", resource_id, {
            "name": "Fleet", "amount": amount, "stage": {"object": "resourceRef", "model": "crmStage", "id": "open"},
            "region": "EMEA"}, warnings=[{"code": "C", "message": "M"}]))
        assert status == 200, answer


def main():
    with harness.Server() as server:
        curl = Curl(server)
        post(server)
        services = curl("", options=["--list-services"]).stdout.split()
        for service in ("tributary.crm.v1.OpportunityService", "tributary.generic.v1.ContactService",
                        "tributary.scheduling.v1.ScheduledEventService", "tributary.telephony.v1.CallTranscriptService",
                        "tributary.widget.v1.CardViewService", "tributary.v1.ServerService", "grpc.health.v1.Health"):
            assert service in services, f"{service} is not in {services}"
        assert sum(name.startswith("tributary.") for name in services) == 19, services
        methods = curl("", options=["--list-methods"]).stdout.split()
        assert "tributary.crm.v1.OpportunityService/WatchOpportunities" in methods, methods

        deals = "tributary.crm.v1.OpportunityService"
        deal = curl.one(f"{deals}/GetOpportunity", {**SCOPE, "id": "1"})
        assert deal["fields"] == {"name": "Fleet", "amount": 0, "stage": {"model": "crmStage", "id": "open"}}, deal
        assert deal["customFields"] == {"region": "EMEA"} and deal["updatedAt"] == "2025-06-01T09:00:00Z", deal
        assert deal["warnings"][0]["origin"] == "ORIGIN_SOURCE", deal
        page = curl.one(f"{deals}/ListOpportunities", {**SCOPE, "pageSize": 1})
        assert [item["id"] for item in page["opportunities"]] == ["1"] and page["nextPageToken"], page
        responses = curl.messages(f"{deals}/WatchOpportunities", {**SCOPE, "stopAtHead": True})
        changes = [change for response in responses for change in response.get("changes", [])]
        assert [(c["type"], c["resource"]["id"]) for c in changes] == [
            ("CHANGE_TYPE_EXISTING", "1"), ("CHANGE_TYPE_EXISTING", "2")], responses
        assert any(response.get("snapshotComplete") for response in responses), responses
        info = curl.one("tributary.v1.ServerService/GetServerInfo", {})
        assert info["headRevision"] == "3" and len(info["models"]) == 15, info
        assert curl.one("grpc.health.v1.Health/Check", {}) == {"status": "SERVING"}
        assert curl.one("grpc.health.v1.Health/Check", {"service": deals}) == {"status": "SERVING"}

        ingest = "tributary.ingest.v1.IngestService"
        answer = curl.one(f"{ingest}/BatchIngestEvents", {"events": [
            {**SCOPE, "clientRef": "mine", "resource": {"stage": {"id": "s2", "fields": {"name": "Lost", "type": "TYPE_LOST"}}}},
            {"connectorId": "hubspot"}]})
        taken, refused = answer["results"]
        assert (taken["clientRef"], taken["verdict"], taken["revision"]) == ("mine", "VERDICT_APPLIED", "4"), answer
        assert refused["verdict"] == "VERDICT_REJECTED" and "deliveryId" not in refused, answer
        assert {error["pointer"] for error in refused["problem"]["errors"]} == {"owner_id", "body"}, answer
        results = curl.messages(f"{ingest}/IngestEvents", {"events": [
            {**SCOPE, "resource": {"stage": {"id": "s2", "fields": {"name": "Lost", "type": "TYPE_LOST"}}}}]})
        assert results[0]["results"][0]["verdict"] == "VERDICT_DUPLICATE", results

        for method, request, reason in (
                (f"{deals}/GetOpportunity", {**SCOPE, "id": "nobody"}, "RESOURCE_NOT_FOUND"),
                (f"{deals}/GetOpportunity", {"id": "1"}, "ARGUMENT_INVALID"),
                (f"{deals}/ListOpportunities", {"pageSize": -1}, "ARGUMENT_INVALID"),
                (f"{deals}/ListOpportunities", {"filter": "amout > 1"}, "FILTER_INVALID"),
                (f"{deals}/ListOpportunities", {"pageToken": "garbled"}, "PAGE_TOKEN_MALFORMED"),
                (f"{deals}/ListOpportunities", {"pageToken": page["nextPageToken"]}, "PAGE_TOKEN_MISMATCH"),
                (f"{deals}/WatchOpportunities", {"resumeToken": "garbled"}, "RESUME_TOKEN_MALFORMED"),
                (f"{deals}/WatchOpportunities", {"resumeToken": responses[-1]["resumeToken"]}, "RESUME_TOKEN_OTHER_REQUEST"),
                (f"{deals}/WatchOpportunities", {"afterRevision": "99"}, "POSITION_IN_FUTURE"),
                (f"{deals}/WatchOpportunities", {"heartbeatInterval": "0.5s"}, "ARGUMENT_INVALID")):
            text = curl.error(method, request)
            assert f"({reason})" in text, f"{method} {request}: {text}"
    print("buf curl: ok")


if __name__ == "__main__":
    main()
