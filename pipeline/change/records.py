"""What updates with a change model record of each block and period, beside the records of runs.

/blocks          screened uint64: fingerprint of the mosaic that was last compared and not taken as a whole, 0 = none
(time, by, bx)   score uint8: see `score.block_score`
                 parts uint64: those that got the new mosaic, see `parts.changed_parts`; 0 = none
                 rest uint8: the score of the other parts
                 better uint8: see `views.better_views`
                 outcome uint8: see `outcome.Outcome`
                 alerts uint8: views that showed a change since the last that showed none
                 alert_day uint16: last clear day of the last of these views, days since 1970-01-01; 0 = none

The attribute "inputs" of `screened` has, by the first day of a period, the run that mapped it last and the digest of
what its blocks were made from besides scenes. A cube that was never updated with a change model has none of these.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr

from pipeline.change.outcome import Outcome
from pipeline.cube.store import array

SCREENED, SCORE, PARTS, REST, BETTER, OUTCOME, ALERTS, ALERT_DAY = (
    f"blocks/{name}" for name in ("screened", "score", "parts", "rest", "better", "outcome", "alerts", "alert_day")
)
DTYPES = {
    SCREENED: "uint64",
    SCORE: "uint8",
    PARTS: "uint64",
    REST: "uint8",
    BETTER: "uint8",
    OUTCOME: "uint8",
    ALERTS: "uint8",
    ALERT_DAY: "uint16",
}
ATTRIBUTES: dict[str, dict[str, Any]] = {
    SCREENED: {"long_name": "fingerprint of the mosaic that was compared and not taken as a whole", "inputs": {}},
    SCORE: {"long_name": "largest change of the ground in one piece", "units": "percent"},
    PARTS: {"long_name": "bits of the 8 x 8 parts that got the new mosaic, row by row from the lowest"},
    REST: {"long_name": "largest change of the ground in one piece of the other parts", "units": "percent"},
    BETTER: {"long_name": "how much better the views of the mosaic that was compared last are", "units": "percent"},
    OUTCOME: {
        "long_name": "what the last update decided",
        "flag_values": [outcome.value for outcome in Outcome],
        "flag_meanings": " ".join(outcome.name.lower() for outcome in Outcome),
    },
    ALERTS: {"long_name": "views that showed a change since the last that showed none", "units": "1"},
    ALERT_DAY: {"long_name": "last clear day of the last view that showed a change", "units": "days since 1970-01-01"},
}


def prepare_records(group: zarr.Group) -> None:
    """Makes the records, or gives them the periods that the others have and the flags of today."""
    like = array(group, "blocks/state")
    for name, dtype in DTYPES.items():
        if name not in group:
            group.create_array(
                name,
                shape=like.shape,
                chunks=like.chunks,
                dtype=dtype,
                fill_value=0,
                compressors=like.compressors,
                dimension_names=("time", "by", "bx"),
                attributes=ATTRIBUTES[name],
            )
        elif array(group, name).shape != like.shape:
            array(group, name).resize(like.shape)
    if array(group, OUTCOME).attrs.asdict() != ATTRIBUTES[OUTCOME]:
        array(group, OUTCOME).attrs.update(ATTRIBUTES[OUTCOME])


def read_record(group: zarr.Group, name: str, time: int) -> np.ndarray:
    """A record of all blocks in one period, (by, bx); zeros where the cube has none."""
    if name not in group or array(group, name).shape[0] <= time:
        return np.zeros(array(group, "blocks/state").shape[1:], DTYPES[name])
    return np.asarray(array(group, name)[time])


def read_record_of(group: zarr.Group, name: str, time: int, slot: tuple[int, int]) -> int:
    """A record of one block in one period; 0 where the cube has none."""
    if name not in group or array(group, name).shape[0] <= time:
        return 0
    return int(np.asarray(array(group, name)[time, *slot]))


def write_records(group: zarr.Group, time: int, values: Mapping[str, np.ndarray], start: str, made: list[str]) -> None:
    """Writes records of all blocks of the period from `start`; `made`: its run and the digest of its inputs."""
    for name, value_YX in values.items():
        array(group, name)[time] = value_YX
    inputs: Any = array(group, SCREENED).attrs["inputs"]
    array(group, SCREENED).attrs["inputs"] = {**inputs, start: made}


def read_inputs(group: zarr.Group, start: str) -> list[str] | None:
    """The run that mapped a period last with a change model, and the digest of its inputs."""
    if SCREENED not in group:
        return None
    inputs: Any = array(group, SCREENED).attrs["inputs"]
    return inputs.get(start)
