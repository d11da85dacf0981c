"""Morph's REST API as far as a backfill reads it, for tests: it lists what it is given, and misbehaves as told.

    with FakeMorph() as morph:
        morph.put("crmOpportunity", "311", {"name": "Deal"})
        morph.misbehave(status(429, retry_after=1), hang_up, ...)   # one for each of the next requests
        ... morph.url ...
"""

import http.server
import json
import ssl
import threading
import urllib.parse

KEY = "pk_test_key"
SECRET = "sk_test_do-not-print-me"


def status(code, body=None, retry_after=None):
    """Answers an error, in Morph's form unless `body` is given."""
    def act(request):
        text = json.dumps({"error": "MORPH::UNKNOWN_ERROR", "message": "made up"}) if body is None else body
        request.answer(code, text.encode(), {} if retry_after is None else {"Retry-After": str(retry_after)})
    return act


def hang_up(request):
    """Breaks off in the middle of the body."""
    request.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"data": [')
    request.close_connection = True


def say_nothing(request):
    """Closes the connection without a word."""
    request.close_connection = True


def not_json(request):
    """Answers 200 with a page for people, as a proxy in between might."""
    request.answer(200, b"<html>please log in</html>")


def well(request):
    """Behaves."""
    request.server.morph.serve(request)


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        self.server.morph.take(self)

    def answer(self, code, body, headers=None):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class FakeMorph:
    """`resources` and `fields` are by model; a model that is in neither is not offered by the connector."""

    def __init__(self, certificate=None, owner="acme"):
        self.owner = owner
        self.resources = {}
        self.fields = {}
        self.page_size_max = 100
        self.before_page = None   # called with (model, number of the page) before a page is made
        self.next_of = None       # changes the cursor that a page names: called with (model, number, cursor)
        self.requests = []        # the paths, with their queries
        self.refused = 0          # requests without the right headers
        self._faults = []
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self._server.daemon_threads = True
        self._server.morph = self
        self._server.handle_error = lambda *_: None  # a client that hangs up is nothing to tell of
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def put(self, model, resource_id, fields, updated="2025-06-01T09:00:00.000Z", **more):
        """Keeps a resource, in the order of first puts; answers it."""
        resource = {"object": "resource", "model": model, "id": resource_id, "fields": fields,
                    "createdAt": "2025-06-01T09:00:00.000Z", "updatedAt": updated, **more}
        self.resources.setdefault(model, {})[resource_id] = resource
        return resource

    def remove(self, model, resource_id):
        return self.resources[model].pop(resource_id)

    def misbehave(self, *faults):
        """What to do with the next requests; after them it behaves."""
        with self._lock:
            self._faults.extend(faults)

    def take(self, request):
        with self._lock:
            self.requests.append(request.path)
            fault = self._faults.pop(0) if self._faults else well
        fault(request)

    def serve(self, request):
        url = urllib.parse.urlsplit(request.path)
        query = urllib.parse.parse_qs(url.query)
        wanted = {"x-api-key": KEY, "x-api-secret": SECRET, "x-connector-id": "hubspot", "x-owner-id": self.owner}
        if any(request.headers.get(name) != value for name, value in wanted.items()):
            self.refused += 1
            return status(401, json.dumps({"error": "UNAUTHORIZED", "message": "who are you?"}))(request)
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        if parts[:2] == ["v1", "resources"] and len(parts) == 3:
            return self._list(request, parts[2], self.resources, query)
        if parts[:2] == ["v1", "models"] and parts[3:] == ["fields"]:
            return self._list(request, parts[2], self.fields, query)
        return status(404)(request)

    def _list(self, request, model, lists, query):
        if model not in lists:
            code = "CONNECTOR::OPERATION::NOT_FOUND"
            return status(404, json.dumps({"error": code, "message": f"no list of {model}"}))(request)
        # Cursors hold all that has to be encoded in a query.
        cursor = query.get("cursor", ["at=0&/+% ü"])[0]
        start = int(cursor[len("at="):cursor.index("&")])
        size = min(int(query["limit"][0]), self.page_size_max)
        if lists is self.resources and self.before_page:
            self.before_page(model, start // size)
        entries = lists[model] if isinstance(lists[model], list) else list(lists[model].values())
        end = start + size
        following = f"at={end}&/+% ü" if end < len(entries) else None
        if lists is self.resources and self.next_of:
            following = self.next_of(model, start // size, following)
        page = {"next": following, "data": entries[start:end]} if start % 2 else \
            {"data": entries[start:end], "next": following}
        return request.answer(200, json.dumps(page, ensure_ascii=False).encode())
