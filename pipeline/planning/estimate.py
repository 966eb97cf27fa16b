"""Estimate of a run's seconds, device hours and money, from the cost that earlier runs of the cube measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.planning.totals import Totals


@dataclass(frozen=True)
class Cost:
    """Worker seconds per unit of work, as an earlier run measured them.

    second_per_gb: mosaicking, per GB of decoded views. second_per_window: device, per inference window.
    """

    second_per_gb: float
    second_per_window: float


@dataclass(frozen=True)
class Estimate:
    """Expected or measured cost of the work that is due; None means unknown.

    mosaic_seconds, device_seconds: summed over workers. seconds: wall clock. device_hours: wall clock times workers.
    money: device_hours times the price.
    """

    mosaic_seconds: float | None = None
    device_seconds: float | None = None
    seconds: float | None = None
    device_hours: float | None = None
    money: float | None = None

    def rounded(self) -> dict[str, float | None]:
        """The fields, to three significant digits."""
        return {name: None if value is None else float(f"{value:.3g}") for name, value in asdict(self).items()}


def estimate(
    totals: Totals,
    cost: Cost | None,
    workers: int,
    mosaic_workers: int = 0,
    price_per_worker_hour: float | None = None,
) -> Estimate:
    """Estimate for `workers` that segment and `mosaic_workers` that only mosaic; without the latter the workers do
    both. All unknown without a cost."""
    if cost is None:
        return Estimate()
    mosaic, device = totals.bytes / 1e9 * cost.second_per_gb, totals.windows * cost.second_per_window
    seconds = max(mosaic / mosaic_workers, device / workers) if mosaic_workers else (mosaic + device) / workers
    return _with_hours(mosaic, device, seconds, workers, price_per_worker_hour)


def measured_estimate(
    work: Mapping[str, float], seconds: float, workers: int, price_per_worker_hour: float | None = None
) -> Estimate:
    """What a run really took, in the terms of its estimate. work: worker seconds by step."""
    return _with_hours(_mosaic_seconds(work), work.get("segment.device", 0.0), seconds, workers, price_per_worker_hour)


def _with_hours(mosaic: float, device: float, seconds: float, workers: int, price: float | None) -> Estimate:
    hours = seconds * workers / 3600
    return Estimate(mosaic, device, seconds, hours, None if price is None else hours * price)


def _mosaic_seconds(work: Mapping[str, float]) -> float:
    return work.get("mosaic.composite", 0.0) + work.get("mosaic.write", 0.0)


def measured_cost(totals: Totals, work: Mapping[str, float]) -> dict[str, float]:
    """Fields of `Cost` to store with a version; only those that the run's work measured."""
    return {
        **({"second_per_gb": _mosaic_seconds(work) / (totals.bytes / 1e9)} if totals.bytes else {}),
        **({"second_per_window": work.get("segment.device", 0.0) / totals.windows} if totals.windows else {}),
    }


def latest_cost(cube: Cube) -> Cost | None:
    """The cost stored with the newest versions; None until both fields are known."""
    fields: dict[str, Any] = {}
    for version in versions.history(cube):
        fields = (version.origin.cost or {}) | fields
        if {"second_per_gb", "second_per_window"} <= set(fields):
            return Cost(fields["second_per_gb"], fields["second_per_window"])
    return None
