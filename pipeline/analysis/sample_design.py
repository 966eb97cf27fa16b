"""Design a stratified random sample of a map: strata, sizes, allocation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.analysis.sample_size import Allocation, allocate, sample_size
from pipeline.analysis.sampling import Design, Sample, cube_digest, draw
from pipeline.analysis.strata import Progress, StratifiedMap, count_pixels, legend
from pipeline.errors import UserError


@dataclass(frozen=True)
class Wishes:
    """How large a sample is to be, by one of the first two, and how it is divided.

    standard_error: of the overall accuracy. users: the user's accuracy to expect in each stratum, `user` where it names
    none. minimum: points that every stratum gets, if it has as many pixels.
    """

    points: int | None = None
    standard_error: float | None = None
    user: float = 0.8
    users: Mapping[str, float] = field(default_factory=dict)
    allocation: Allocation = "proportional"
    minimum: int = 50


def draw_sample(
    of: StratifiedMap, wishes: Wishes, seed: int, workers: int = 2, progress: Progress | None = None
) -> Sample:
    """Designs and draws a sample. Raises UserError where the map has no pixel, or a wish names no stratum of it."""
    strata = legend(of.layout, of.before is not None)
    names = [stratum.name for stratum in strata]
    if unknown := sorted(set(wishes.users) - set(names)):
        raise UserError(f"the map has no stratum {unknown[0]!r}; its strata are {', '.join(names)}")
    counts_YXS = count_pixels(of, workers, progress)
    pixels_S = counts_YXS.sum((0, 1))
    if not pixels_S.any():
        raise UserError(f"the period from {of.period} of version {of.version} has no pixel of a class; choose another")
    users_S = np.array([wishes.users.get(name, wishes.user) for name in names])
    points = wishes.points
    if points is None:
        if wishes.standard_error is None:
            raise UserError("neither a number of points nor a standard error is wanted; give one of them")
        points = sample_size(pixels_S, users_S, wishes.standard_error)
    points_S = allocate(pixels_S, points, wishes.allocation, users_S, wishes.minimum)
    by_key = {stratum.key: n for stratum, n in zip(strata, points_S.tolist(), strict=True) if n}
    design = Design(cube_digest(of.layout), of.version, of.period, of.before, seed, by_key)
    return draw(of.cube, design, workers, counts_YXS, progress)
