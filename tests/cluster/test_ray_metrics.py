"""Gauges: without a Ray they do nothing, with one they are set under their tag."""

import sys

import pytest

from cluster import Gauges


def test_without_a_ray_gauges_do_nothing(monkeypatch):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    gauges = Gauges({"idgbr_test": "a number"})
    gauges.set("idgbr_test", 1.0)
    assert "ray" not in sys.modules


@pytest.mark.ray
def test_with_a_ray_a_gauge_is_made_once_and_set_with_its_tag(local_ray, monkeypatch):
    import ray.util.metrics

    made, values = [], []

    class Gauge:
        def __init__(self, name, description, tag_keys):
            made.append((name, description, tag_keys))

        def set(self, value, tags):
            values.append((value, tags))

    monkeypatch.setattr(ray.util.metrics, "Gauge", Gauge)
    gauges = Gauges({"idgbr_test": "a number"}, {"region": "bavaria"})
    gauges.set("idgbr_test", 1.0)
    gauges.set("idgbr_test", 2.0, "mosaic")
    assert made == [("idgbr_test", "a number", ("of", "region"))]
    assert values == [(1.0, {"of": "all", "region": "bavaria"}), (2.0, {"of": "mosaic", "region": "bavaria"})]
