"""A watcher of everything, which is cut off again and again and goes on with the last token that it kept."""

import collections
import threading

import grpc

EXISTING, CREATED, UPDATED, DELETED = 1, 2, 3, 4  # tributary.v1.ChangeType

# One change as it was applied.
Seen = collections.namedtuple("Seen", "revision type key delivery_id")


class Watcher(threading.Thread):
    """Follows the feed from its beginning. `held` is what it holds, `seen` what it was told."""

    def __init__(self, address, feed, random):
        super().__init__(daemon=True)
        self._feed = feed
        self._random = random
        # A server that was killed is back within moments.
        self._channel = grpc.insecure_channel(address, options=[("grpc.initial_reconnect_backoff_ms", 50),
                                                                ("grpc.max_reconnect_backoff_ms", 500)])
        self._watch = self._channel.unary_stream(
            "/tributary.feed.v1.FeedService/WatchChanges",
            request_serializer=feed.WatchChangesRequest.SerializeToString,
            response_deserializer=feed.WatchChangesResponse.FromString)
        self._token = ""
        self._until = None
        self.held = {}
        self.seen = []
        self.streams = 0
        self.faults = []

    def finish(self, revision):
        """Waits until it has followed up to `revision`."""
        self._until = revision
        self.join(300)
        if self.is_alive():
            self.faults.append(f"has not reached revision {revision} within five minutes")
        self._channel.close()

    def run(self):
        while not self.faults and not self._follow():
            pass

    def _follow(self):
        """One stream, until it ends. True: there is no more to come."""
        self.streams += 1
        request = self._feed.WatchChangesRequest(view=2, start=3, resume_token=self._token)
        request.heartbeat_interval.seconds = 1
        call = self._watch(request, wait_for_ready=True)
        try:
            for response in call:
                if self._random.random() < 0.01:  # died before it could save what it read
                    call.cancel()
                    return False
                for change in response.changes:
                    self._apply(change)
                self._token = response.resume_token
                if self._until is not None and response.revision >= self._until:
                    call.cancel()
                    return True
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                self.faults.append(f"{error.code()}: {error.details()}")
        return False

    def _apply(self, change):
        key = (change.key.model, change.key.connector_id, change.key.owner_id, change.key.id)
        if change.coalesced or change.type not in (CREATED, UPDATED, DELETED):
            self.faults.append(f"revision {change.revision} came as type {change.type}, coalesced: {change.coalesced}")
        if self.seen and change.revision <= self.seen[-1].revision:
            self.faults.append(f"revision {change.revision} came after {self.seen[-1].revision}")
        self.seen.append(Seen(change.revision, change.type, key, change.delivery_id))
        if change.type == DELETED:
            self.held.pop(key, None)
        else:
            self.held[key] = getattr(change.resource, change.resource.WhichOneof("kind"))
