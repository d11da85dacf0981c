"""Posts a made-up task to the real server and reads it back, with `tributary` and by reflection."""

import json
import os

import harness


def main():
    fields = {"title": "Call back", "priority": "veryHigh", "effort": "30", "done": False, "steps": [{"text": "dial"}],
              "assignee": {"object": "resourceRef", "model": "genericUser", "id": "u1"}, "color": "blue"}
    with harness.Server() as server:
        status, answer = server.post(harness.event("crmTask", "t1", fields))
        assert status == 200 and answer["verdict"] == "APPLIED" and not answer["warnings"], answer
        request = json.dumps({"connectorId": harness.CONNECTOR, "ownerId": harness.OWNER, "id": "t1"})
        task = json.loads(harness.run([harness.buf(), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", request,
                                       f"http://{server.grpc}/tributary.crm.v1.TaskService/GetTask"]))
        assert task["fields"] == {
            "title": "Call back", "priority": "PRIORITY_VERY_HIGH", "effortMinutes": 30, "done": False,
            "steps": [{"text": "dial"}], "assignee": {"model": "genericUser", "id": "u1"}}, task
        assert task["customFields"] == {"color": "blue"}, task
        shown = harness.run([harness.BINARIES / "bin" / "tributary", "get", "task", "t1", "--connector", harness.CONNECTOR,
                             "--owner", harness.OWNER, "--output", "json"],
                            env={**os.environ, "TRIBUTARY_ADDRESS": server.grpc})
        assert json.loads(shown)["fields"]["title"] == "Call back", shown
        feed = harness.run([harness.buf(), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", '{"stopAtHead": true}',
                            f"http://{server.grpc}/tributary.feed.v1.FeedService/WatchChanges"])
        assert '"task"' in feed and '"crmTask"' in feed, feed
    print("a made-up resource is served")


if __name__ == "__main__":
    main()
