"""GET /metrics, read by the parsers of Prometheus' own Python client in both formats.

The OpenMetrics parser is that standard's reference: it refuses names, units, labels, bounds and counts that do
not fit together.
"""

import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

import harness


def scrape(server, accept):
    request = urllib.request.Request(f"http://{server.http}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(families):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples}


def main():
    with harness.Server() as server:
        server.post(harness.event("genericContact", "1", {"firstName": "Ada"}))
        # As Prometheus 2 asks.
        kind, text = scrape(server, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
        assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind
        families = list(open_metrics(text))
        units = {family.name: family.unit for family in families}
        assert units["tributary_commit_seconds"] == "seconds", units
        assert all(family.documentation for family in families), families
        in_open_metrics = samples(families)
        assert in_open_metrics["tributary_deliveries_total", (("verdict", "applied"),)] == 1, in_open_metrics

        kind, text = scrape(server, "text/plain;version=0.0.4")
        assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
        in_text = samples(prometheus_text(text))
        # One of them counts the scrape before.
        assert in_text.keys() == in_open_metrics.keys(), in_text.keys() ^ in_open_metrics.keys()
    print("metrics: ok")


if __name__ == "__main__":
    main()
