"""Ray metrics, for its dashboard and for Prometheus."""

import sys
from collections.abc import Mapping
from typing import Any

TAG = "of"


class Gauges:
    """Gauges of this process, which Ray shows as `ray_NAME` with a tag; without a Ray they do nothing.

    labels: further tags, the same for all.
    """

    def __init__(self, descriptions: Mapping[str, str], labels: Mapping[str, str] | None = None) -> None:
        self._descriptions, self._labels = descriptions, dict(labels or {})
        self._gauges: dict[str, Any] = {}

    def set(self, name: str, value: float, tag: str = "all") -> None:
        if gauge := self._gauge(name):
            gauge.set(value, tags={TAG: tag, **self._labels})

    def _gauge(self, name: str) -> Any:
        if "ray" not in sys.modules:
            return None
        import ray
        from ray.util.metrics import Gauge

        if not ray.is_initialized():
            return None
        if name not in self._gauges:
            keys = (TAG, *self._labels)
            self._gauges[name] = Gauge(name, description=self._descriptions[name], tag_keys=keys)
        return self._gauges[name]
