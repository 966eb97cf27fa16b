"""Which cube each block of a joined cube was taken from.

`blocks/source` (time, by, bx) uint32 is 0 for no block, else 1 + the index of a row of its attribute "sources". Its
attribute "cubes" names the cubes that were joined last. A cube that a run maps has no such array.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import zarr

from pipeline.cube.store import array

SOURCE = "blocks/source"


@dataclass(frozen=True)
class Source:
    """A version of a cube that blocks were taken from. runs: id of the run of each period, by its first day."""

    cube: str
    version: str
    runs: dict[str, str]


def is_joined(group: zarr.Group) -> bool:
    """Whether a cube is joined from others."""
    return SOURCE in group


def joined_cubes(group: zarr.Group) -> list[str]:
    """The cubes that were joined last."""
    names: Any = array(group, SOURCE).attrs["cubes"]
    return list(names)


def read_sources(group: zarr.Group) -> list[Source]:
    """All versions that blocks were ever taken from, in the order of their numbers."""
    rows: Any = array(group, SOURCE).attrs["sources"]
    return [Source(**row) for row in rows]


def prepare_sources(group: zarr.Group, cubes: Sequence[str]) -> None:
    """Makes the record of sources, or gives it the periods that the other records have, and names the joined cubes."""
    like = array(group, "blocks/state")
    if not is_joined(group):
        group.create_array(
            SOURCE,
            shape=like.shape,
            chunks=like.chunks,
            dtype="uint32",
            fill_value=0,
            compressors=like.compressors,
            dimension_names=("time", "by", "bx"),
            attributes={"long_name": "1 + index into sources, 0 = no block", "cubes": [], "sources": []},
        )
    elif array(group, SOURCE).shape != like.shape:
        array(group, SOURCE).resize(like.shape)
    node = array(group, SOURCE)
    if node.attrs["cubes"] != list(cubes):
        node.attrs["cubes"] = list(cubes)


def number_sources(group: zarr.Group, sources: Sequence[Source]) -> list[int]:
    """The number of each source, which is given one if it has none."""
    node, known = array(group, SOURCE), read_sources(group)
    new = [source for source in sources if source not in known]
    if new:
        known += new
        node.attrs["sources"] = [asdict(source) for source in known]
    return [1 + known.index(source) for source in sources]
