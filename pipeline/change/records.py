"""What updates with a change model record of each block and period, beside the records of runs.

/blocks          screened uint64: fingerprint of the mosaic that was last compared and not taken as a whole, 0 = none
(time, by, bx)   score uint8: see `score.block_score`
                 parts uint64: those that got the new mosaic, see `parts.changed_parts`; 0 = none
                 rest uint8: the score of the other parts
                 better uint8: see `views.better_views`
                 outcome uint8: see `outcome.Outcome`
                 alerts uint8: views that showed a change since the last that showed none, the most of its parts
                 run uint64: see `cube.block_runs`
(time, by, bx,   part_alerts uint8, part_alert_days uint16: see `alerts.Alerts`
 part)

A cube that was never updated with a change model has none of these.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr

from pipeline.change.alerts import Alerts
from pipeline.change.outcome import Outcome
from pipeline.change.parts import SIDE
from pipeline.cube.block_runs import RUN, SCREENED
from pipeline.cube.store import array

SCORE, PARTS, REST, BETTER, OUTCOME, ALERTS = (
    f"blocks/{name}" for name in ("score", "parts", "rest", "better", "outcome", "alerts")
)
OF_PARTS = PART_ALERTS, PART_ALERT_DAYS = "blocks/part_alerts", "blocks/part_alert_days"
DTYPES = {
    SCREENED: "uint64",
    SCORE: "uint8",
    PARTS: "uint64",
    REST: "uint8",
    BETTER: "uint8",
    OUTCOME: "uint8",
    ALERTS: "uint8",
    RUN: "uint64",
    PART_ALERTS: "uint8",
    PART_ALERT_DAYS: "uint16",
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
    RUN: {"long_name": "id of the run that the mosaic is of, as a number; 0 = of several"},
    PART_ALERTS: {"long_name": "views that showed a change since the last that showed none, by part", "units": "1"},
    PART_ALERT_DAYS: {
        "long_name": "last clear day of the last view that showed a change, by part",
        "units": "days since 1970-01-01",
    },
}


def prepare_records(group: zarr.Group) -> None:
    """Makes the records, or gives them the periods that the others have and the flags of today."""
    like = array(group, "blocks/state")
    for name, dtype in DTYPES.items():
        parts, dimension = ((SIDE * SIDE,), ("part",)) if name in OF_PARTS else ((), ())
        if name not in group:
            group.create_array(
                name,
                shape=like.shape + parts,
                chunks=like.chunks + parts,
                dtype=dtype,
                fill_value=0,
                compressors=like.compressors,
                dimension_names=("time", "by", "bx", *dimension),
                attributes=ATTRIBUTES[name],
            )
        elif array(group, name).shape != like.shape + parts:
            array(group, name).resize(like.shape + parts)
    if array(group, OUTCOME).attrs.asdict() != ATTRIBUTES[OUTCOME]:
        array(group, OUTCOME).attrs.update(ATTRIBUTES[OUTCOME])


def read_record(group: zarr.Group, name: str, time: int, slot: tuple[int, int] | None = None) -> np.ndarray:
    """A record of all blocks in one period, (by, bx) or (by, bx, part), or of the block at `slot`; zeros where the cube
    has none."""
    at = () if slot is None else slot
    if name in group and array(group, name).shape[0] > time:
        return np.asarray(array(group, name)[time, *at])
    blocks = array(group, "blocks/state").shape[1:] if slot is None else ()
    return np.zeros((*blocks, SIDE * SIDE) if name in OF_PARTS else blocks, DTYPES[name])


def read_alerts(group: zarr.Group, time: int, slot: tuple[int, int]) -> Alerts:
    """Those of a block."""
    return Alerts(*(read_record(group, name, time, slot).reshape(SIDE, SIDE) for name in OF_PARTS))


def write_alerts(group: zarr.Group, time: int, slot: tuple[int, int], alerts: Alerts) -> None:
    for name, value_88 in zip(OF_PARTS, (alerts.count_88, alerts.day_88), strict=True):
        array(group, name)[time, *slot] = value_88.ravel()


def write_records(group: zarr.Group, time: int, values: Mapping[str, np.ndarray], start: str, made: list[str]) -> None:
    """Writes records of all blocks of the period from `start`; `made`: its run and the digest of its inputs."""
    for name, value_YX in values.items():
        array(group, name)[time] = value_YX
    inputs: Any = array(group, SCREENED).attrs["inputs"]
    array(group, SCREENED).attrs["inputs"] = {**inputs, start: made}
