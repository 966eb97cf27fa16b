"""The parameters of a mosaic."""

from dataclasses import dataclass

from pipeline.config.region import Region

ANY_DAY = 196
"""`day_of_year` where the method does not use it."""


@dataclass(frozen=True)
class MosaicParams:
    """`method` of composite.METHODS, `resampling` of resample.METHODS, and the day of the year that `best` prefers.

    Field names and values are part of the fingerprint of every block.
    """

    method: str = "median"
    resampling: str = "bilinear"
    day_of_year: int = ANY_DAY


DEFAULT = MosaicParams()


def mosaic_params(region: Region) -> MosaicParams:
    """The parameters that a region file sets."""
    best = region.mosaic.method == "best"
    return MosaicParams(region.mosaic.method, region.mosaic.resampling, region.day_of_year if best else ANY_DAY)
