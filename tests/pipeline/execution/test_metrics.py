"""What a run shows on the Ray dashboard."""

from types import SimpleNamespace

import pytest

from cluster import Outcome
from pipeline.execution.metrics import DESCRIPTIONS, EMIT_SECONDS, RunMetrics
from pipeline.execution.task import BlockResult
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

READY = {"mosaic": 5, "segment": 2}


@pytest.fixture
def shown(monkeypatch):
    """Values by metric and tag, and a clock."""
    values, clock = {}, SimpleNamespace(now=0.0)

    class Gauges:
        def __init__(self, descriptions, labels):
            assert descriptions == DESCRIPTIONS
            assert labels == {"region": "bavaria", "run": "abc"}

        def set(self, name, value, tag="all"):
            values[name.removeprefix("idgbr_"), tag] = value

    monkeypatch.setattr("pipeline.execution.metrics.Gauges", Gauges)
    monkeypatch.setattr("pipeline.execution.metrics.clock", SimpleNamespace(monotonic=lambda: clock.now))
    return SimpleNamespace(values=values, clock=clock)


@pytest.fixture
def metrics(shown):
    extent = Extent(Grid("EPSG:3035", 10.0, 256), Window(0, 0, 512, 512))
    plan = SimpleNamespace(extent=extent, region=SimpleNamespace(name="bavaria"), run="abc")
    return RunMetrics(plan, SimpleNamespace(workers_for=lambda stage: 2), {"mosaic": 9, "segment": 4})


def outcome(stage, block, lost=None, error=None, seconds=0.0):
    result = BlockResult(block, None, lost or {}, 1, True, {"device": seconds})
    return Outcome(SimpleNamespace(block=block), None if error else result, error, None, 0.0, 1, 0, stage)


def test_metrics_count_blocks_area_and_device_time(shown, metrics):
    metrics.record(outcome("mosaic", (0, 0), lost={"scene": "gone"}), READY)
    metrics.record(outcome("mosaic", (0, 1)), READY)
    metrics.record(outcome("mosaic", (1, 0), error="ValueError: no"), READY)
    metrics.record(outcome("segment", (0, 0), seconds=18.0), READY)
    shown.clock.now = 36.0
    metrics.emit(READY)
    assert shown.values == {
        ("blocks_due", "mosaic"): 9,
        ("blocks_due", "segment"): 4,
        ("blocks_done", "mosaic"): 2,
        ("blocks_done", "segment"): 1,
        ("blocks_degraded", "all"): 1,
        ("queue_depth", "mosaic"): 5,
        ("queue_depth", "segment"): 2,
        ("km2_per_hour", "all"): pytest.approx(2.56**2 * 100),
        ("device_busy_share", "all"): pytest.approx(18 / 36 / 2),
    }


def test_metrics_are_emitted_every_few_seconds(shown, metrics):
    metrics.record(outcome("mosaic", (0, 0)), READY)
    assert shown.values == {}
    shown.clock.now = EMIT_SECONDS + 0.1
    metrics.record(outcome("mosaic", (0, 1)), READY)
    assert shown.values["blocks_done", "mosaic"] == 2
