"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from containers.rendezvous.metrics import Metrics


def test_prometheus_reads_every_metric_with_its_explanation() -> None:
    metrics = Metrics()
    metrics.count("requests_total", "v2")
    metrics.count_pair(0.5)
    text = metrics.render({"open_connections": 3})
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families) == text.count("# TYPE")
    assert all(family.documentation for family in families)
    values = {(each.name, *each.labels.items()): each.value for family in families for each in family.samples}
    assert values["rendezvous_open_connections",] == 3
    assert values["rendezvous_requests_total", ("kind", "v2")] == 1
    assert values["rendezvous_requests_total", ("kind", "v1")] == 0
    assert values["rendezvous_wait_seconds_sum",] == 0.5
    assert values["rendezvous_wait_seconds_count",] == 1
    with pytest.raises(ValueError, match="no reason 'mood'"):
        metrics.count("refused_total", "mood")
