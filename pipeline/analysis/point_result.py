"""What is known of one point, as a typed result."""

from dataclasses import dataclass
from datetime import date

from pipeline.console.html import Tabular
from pipeline.cube.sources import Source
from pipeline.geometry.grid import BlockId

REFINED = ("not considered", "confirmed", "changed")
"""Meaning of the codes of `refined`."""


@dataclass(frozen=True)
class PeriodAtPoint:
    """One period of the pixel under a point.

    period: first and last day. landcover: class code, 0 = no data. class_, coarse: class names. first_clear and
    last_clear: days of the first and last clear observation, None where there was none. change_percent, change_day:
    probability of the last change that an update mapped, and the day on which it was seen; 0 and None where there is
    none. reflectance: by band; in a cube of another unit than reflectance, the value in that; None for no data. unit:
    its name. block_state: one of `STATES`. made_from: fingerprint of what the block's map was made from, hexadecimal.
    run: id of the run whose mosaic the block has, and scenes: ids of its scenes whose footprint holds the point, and
    scene_times: when each was taken; None where the version does not say, or an update replaced parts of the block.
    source: in a joined cube, the version of the region's cube that the block was copied from; run and scenes are those
    of it.
    """

    period: tuple[str, str]
    landcover: int
    class_: str
    coarse: str
    confidence_percent: int
    refined: str
    observations: int
    first_clear: date | None
    last_clear: date | None
    change_percent: int
    change_day: date | None
    reflectance: dict[str, float | None]
    unit: str
    block_state: str
    made_from: str
    run: str | None
    scenes: list[str] | None
    scene_times: dict[str, str] | None
    source: Source | None


@dataclass(frozen=True)
class PointResult(Tabular):
    """A point in degrees, the version that was read, the block of the point, and all periods of the version.

    model: first 16 digits of the digest of the model that the version's run mapped with, None where it does not say.
    """

    lon: float
    lat: float
    version: str
    block: BlockId
    model: str | None
    periods: list[PeriodAtPoint]
