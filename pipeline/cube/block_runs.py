"""Which run the mosaic of a block is of: the period's, unless an update with a change model let it keep an older one.

blocks/run (time, by, bx) uint64: the run's id as a number; 0 = of several runs, or not known. It holds of periods that
such an update mapped last. The attribute "inputs" of `blocks/screened` has, by the first day of a period, that update
and the digest of what its blocks were made from besides scenes.
"""

from typing import Any

import zarr

from pipeline.cube.store import array

RUN, SCREENED = "blocks/run", "blocks/screened"


def read_inputs(group: zarr.Group, start: str) -> list[str] | None:
    """The update with a change model that mapped a period last of these, and the digest of its inputs."""
    if SCREENED not in group:
        return None
    inputs: Any = array(group, SCREENED).attrs["inputs"]
    return inputs.get(start)


def keeps_blocks(group: zarr.Group, start: str, run: str | None) -> bool:
    """Whether the `run` that mapped a period last is an update with a change model, which let blocks keep theirs."""
    made = read_inputs(group, start)
    return made is not None and made[0] == run
