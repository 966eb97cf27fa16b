"""What a run will take: seconds, device hours and money, from what earlier runs of the cube took."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import icechunk

from pipeline.cube import versions
from pipeline.planning.totals import Survey

PROCESS_BYTES = 700 * 2**20
"""What a worker takes besides a block: interpreter, libraries and model (measured with the shipped one: 0.52 GB)."""


@dataclass(frozen=True)
class Cost:
    """What an earlier run took of its workers.

    `second_per_gb`: of mosaicking, per GB of decoded views. `second_per_window`: of the device, per inference window.
    """

    second_per_gb: float
    second_per_window: float


@dataclass(frozen=True)
class Estimate:
    """Of the part of a run that is due. None where no earlier run says: `seconds` on the clock, `device_hours` of all
    workers' devices, `money` at a price per device hour."""

    mosaic_seconds: float | None
    device_seconds: float | None
    seconds: float | None
    device_hours: float | None
    money: float | None

    def rounded(self) -> dict[str, float | None]:
        return {name: None if value is None else float(f"{value:.3g}") for name, value in asdict(self).items()}


def estimate(survey: Survey, cost: Cost | None, workers: int, helpers: int = 0, price: float | None = None) -> Estimate:
    """`helpers` mosaic beside `workers`; without any the workers do both. `price` is of an hour of one worker."""
    if cost is None:
        return Estimate(None, None, None, None, None)
    mosaic, device = survey.bytes / 1e9 * cost.second_per_gb, survey.windows * cost.second_per_window
    seconds = max(mosaic / helpers, device / workers) if helpers else (mosaic + device) / workers
    hours = seconds * workers / 3600
    return Estimate(mosaic, device, seconds, hours, None if price is None else hours * price)


def taken(work: Mapping[str, float], seconds: float, workers: int, price: float | None = None) -> Estimate:
    """What a run took, in the terms of its estimate."""
    hours = seconds * workers / 3600
    return Estimate(
        _mosaic(work), work.get("segment.device", 0.0), seconds, hours, None if price is None else hours * price
    )


def _mosaic(work: Mapping[str, float]) -> float:
    return work.get("mosaic.composite", 0.0) + work.get("mosaic.write", 0.0)


def measured(survey: Survey, work: Mapping[str, float]) -> dict[str, float]:
    """The cost to keep with a version: what its run's workers took for what was due of it."""
    return {
        **({"second_per_gb": _mosaic(work) / (survey.bytes / 1e9)} if survey.bytes else {}),
        **({"second_per_window": work.get("segment.device", 0.0) / survey.windows} if survey.windows else {}),
    }


def known_cost(repository: icechunk.Repository) -> Cost | None:
    """The cost of the newest versions that tell theirs."""
    found: dict[str, Any] = {}
    for version in versions.history(repository):
        found = dict(version.about.get("cost", {})) | found
        if {"second_per_gb", "second_per_window"} <= set(found):
            return Cost(found["second_per_gb"], found["second_per_window"])
    return None
