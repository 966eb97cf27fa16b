"""Passes of the satellite: day, processing baseline, clouds, swath; the position of the sun."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import numpy as np

from catalogs.errors import CatalogError

Quadrant = Literal["SW", "NW", "SE", "NE"]
QUADRANTS: tuple[Quadrant, ...] = ("SW", "NW", "SE", "NE")
OFFSET_SINCE_BASELINE = "04.00"


class OverpassError(CatalogError):
    """A pass that cannot be."""


@dataclass(frozen=True)
class Overpass:
    """One pass over the region.

    `cloudiness` is the share of the region under cloud; `swath_edge`, where given, the share of the region's width at
    which the eastern edge of the swath crosses; `sequence` counts reprocessings of one acquisition. `processed_on` is
    the day of processing; without it, it is the day of the pass, and a year later for every reprocessing.
    """

    day: str
    platform: Literal["sentinel-2a", "sentinel-2b"] = "sentinel-2a"
    baseline: str = "05.10"
    cloudiness: float = 0.1
    swath_edge: float | None = None
    sequence: int = 0
    quadrants: tuple[Quadrant, ...] = QUADRANTS
    processed_on: str | None = None

    def __post_init__(self) -> None:
        for day in (self.day, self.processed_on or self.day):
            try:
                date.fromisoformat(day)
            except ValueError as error:
                raise OverpassError(f"day {day!r} is not a date: write it as 2024-05-13.") from error
        for name, share in (("cloudiness", self.cloudiness), ("swath_edge", self.swath_edge or 0.0)):
            if not 0 <= share <= 1:
                raise OverpassError(f"{name} {share} of {self.day} is no share: give a number from 0 to 1.")

    @property
    def start(self) -> datetime:
        """Start of the datatake."""
        return datetime.combine(datetime.fromisoformat(self.day), time(10, 15, 51, 24000), tzinfo=UTC)

    @property
    def processed(self) -> datetime:
        """Time of processing: in the afternoon."""
        later = timedelta(days=365 * self.sequence)
        if self.processed_on is not None:
            later = date.fromisoformat(self.processed_on) - date.fromisoformat(self.day)
        return self.start + timedelta(hours=4, minutes=37) + later

    @property
    def offset(self) -> int:
        """Added to reflectance x 10000 before storing: 1000 from processing baseline 04.00 on, 0 before."""
        return 1000 if self.baseline >= OFFSET_SINCE_BASELINE else 0


DEFAULT_DATES = (
    Overpass("2024-05-13", "sentinel-2a", "02.14", cloudiness=0.03),
    Overpass("2024-05-28", "sentinel-2b", "02.14", cloudiness=0.28),
    Overpass("2024-06-17", "sentinel-2b", "05.10", cloudiness=0.58),
    Overpass("2024-06-27", "sentinel-2a", "05.10", cloudiness=0.08, swath_edge=0.62),
    Overpass("2024-07-19", "sentinel-2a", "05.10", cloudiness=0.02),
    Overpass("2024-08-13", "sentinel-2b", "05.11", cloudiness=0.22),
    Overpass("2024-05-13", "sentinel-2a", "05.00", cloudiness=0.03, sequence=1, quadrants=("NE",)),
)


def sun_position(moment: datetime, longitude: float, latitude: float) -> tuple[float, float]:
    """Azimuth (clockwise from north) and elevation of the sun, degrees (NOAA general solar position equations)."""
    hours = moment.hour + moment.minute / 60 + moment.second / 3600
    year = 2 * np.pi / 365 * (moment.timetuple().tm_yday - 1 + (hours - 12) / 24)
    harmonics = np.array([1, np.cos(year), np.sin(year), np.cos(2 * year), np.sin(2 * year)])
    equation_minutes = 229.18 * np.dot(harmonics, [0.000075, 0.001868, -0.032077, -0.014615, -0.040849])
    declination = np.dot(harmonics, [0.006918, -0.399912, 0.070257, -0.006758, 0.000907])
    declination += -0.002697 * np.cos(3 * year) + 0.00148 * np.sin(3 * year)
    hour_angle = np.radians((hours * 60 + equation_minutes + 4 * longitude) / 4 - 180)
    phi = np.radians(latitude)
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour_angle)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    return float(np.degrees(np.arctan2(east, north)) % 360), float(np.degrees(np.arcsin(up)))
