"""What an export reads: one version of a cube, one period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import zarr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import periods_of, time_of
from pipeline.cube.schema import LEVEL_ARRAYS, Layout, pixel_maps
from pipeline.cube.store import array
from pipeline.errors import UserError


@dataclass(frozen=True)
class Source:
    """A version of a cube and one of its periods: `time` is its index, `period` its first and last day."""

    cube: Cube
    version: str
    group: zarr.Group
    layout: Layout
    time: int
    period: tuple[date, date]

    def pyramid(self, name: str) -> list[zarr.Array]:
        """An array of pixels at full resolution and, as far as the cube has them, at 1/2, 1/4, ... of it.

        Raises UserError for a name that is not in `names`.
        """
        self.check_names([name])
        coarsest = self.layout.levels if name in LEVEL_ARRAYS else 0
        return [array(self.group, name, level) for level in range(coarsest + 1)]

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays of pixels that can be exported."""
        return ("mosaic", *pixel_maps(self.group))

    def check_names(self, names: Sequence[str]) -> None:
        """Raises UserError for a name that is not in `names`."""
        for name in names:
            if name not in self.names:
                raise UserError(f"the cube has no array {name!r}; give one of {', '.join(self.names)}")

    def request(self) -> dict[str, str]:
        """What tells this source from others, for `resumable`."""
        return {"cube": str(self.cube.location), "version": self.version, "period": str(self.period[0])}


def open_source(cube: Cube, version: str | None = None, start: date | None = None) -> Source:
    """A version, by default the newest, in the period that starts on `start`, by default its last one.

    Raises UserError for a version or period that the cube does not have.
    """
    snapshot = versions.resolve(cube, version)
    group = cube.group(snapshot=snapshot)
    time = time_of(group, snapshot, start)
    return Source(cube, snapshot, group, Layout.of(group), time, periods_of(group)[time])
