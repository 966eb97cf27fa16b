"""Which cube each block of a joined cube was taken from.

`blocks/source` (time, by, bx) uint32 is 0 for no block, else 1 + the index of a row of its attribute "sources". A cube
that a run maps has no such array.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
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


def read_sources(group: zarr.Group) -> list[Source]:
    """All versions that blocks were ever taken from, in the order of their numbers."""
    rows: Any = array(group, SOURCE).attrs["sources"]
    return [Source(**row) for row in rows]


def cubes_of_blocks(group: zarr.Group) -> set[str]:
    """The cubes that the blocks of a joined cube are from."""
    sources = read_sources(group)
    return {sources[number - 1].cube for number in np.unique(np.asarray(array(group, SOURCE))).tolist() if number}


def prepare_sources(group: zarr.Group) -> None:
    """Makes the record of sources, or gives it the periods that the other records have."""
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
            attributes={"long_name": "1 + index into sources, 0 = no block", "sources": []},
        )
    elif array(group, SOURCE).shape != like.shape:
        array(group, SOURCE).resize(like.shape)


def number_sources(group: zarr.Group, sources: Sequence[Source]) -> list[int]:
    """The number of each source, which is given one if it has none."""
    node, known = array(group, SOURCE), read_sources(group)
    new = [source for source in sources if source not in known]
    if new:
        known += new
        node.attrs["sources"] = [asdict(source) for source in known]
    return [1 + known.index(source) for source in sources]
