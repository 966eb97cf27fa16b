"""Which blocks an update asks the change model about, and which go on without being asked."""

from dataclasses import asdict, dataclass, replace
from datetime import date

import numpy as np
import zarr

from idgbr.change import ChangePipeline
from pipeline.change.memory import screen_bytes
from pipeline.change.outcome import Outcome
from pipeline.change.records import OF_PARTS, read_record
from pipeline.config.model import model_at
from pipeline.config.sections import ChangeSettings
from pipeline.cube import versions
from pipeline.cube.block_runs import RUN, SCREENED, keeps_blocks, read_inputs
from pipeline.cube.periods import periods_of
from pipeline.cube.records import BlockRows, Records
from pipeline.cube.schema import DEGRADED, EMPTY, period_index
from pipeline.cube.store import array
from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.planning.plan import Plan
from pipeline.scenes.choose import choose_scenes
from pipeline.scenes.decisions import read_decisions
from pipeline.scenes.item_list import read_items


@dataclass(frozen=True)
class Reference:
    """The map that an update keeps where it can: a period of a version.

    start: first day of the period. carries: whether the update makes another period, into which kept blocks are copied.
    """

    snapshot: str
    time: int
    start: date
    carries: bool


@dataclass(frozen=True)
class Questions:
    """The blocks of an update, all arrays (by, bx).

    wanted_mosaic, wanted_landcover: fingerprints of a fresh run. mosaic, landcover: those of the reference, with the
    records screened, run and, of each part, part_alerts and part_alert_days. going: the `Outcome` of blocks that go on
    unasked, else NOT_ASKED. asked: blocks that the change model is asked about. inputs: digest of what a block is made
    from besides scenes. id: of the update, from all that its result depends on. halo: pixels around a block that the
    change model sees. screen_bytes: memory that asking about a block takes.
    """

    id: str
    reference: Reference
    settings: ChangeSettings
    model_digest: str
    halo: int
    screen_bytes: int
    inputs: str
    wanted_mosaic_YX: np.ndarray
    wanted_landcover_YX: np.ndarray
    mosaic_YX: np.ndarray
    landcover_YX: np.ndarray
    screened_YX: np.ndarray
    run_YX: np.ndarray
    part_alerts_YXP: np.ndarray
    part_alert_days_YXP: np.ndarray
    going_YX: np.ndarray
    asked_YX: np.ndarray

    @property
    def any(self) -> bool:
        """Whether there is anything to ask or to map."""
        return bool(self.asked_YX.any() or self.going_YX.any())


def find_questions(plan: Plan, settings: ChangeSettings) -> Questions | None:
    """The questions of an update against the newest version; None where it has no map to keep.

    Raises UserError where the change model sees bands that the mosaic lacks, and CheckpointError.
    """
    if plan.cube is None:
        return None
    group = plan.cube.branch_group(versions.MAIN)
    reference = None if group is None else _reference(group, versions.head(plan.cube), plan.region.period[0])
    if group is None or reference is None:
        return None
    with model_at(settings.model) as folder:
        model = ChangePipeline.from_pretrained(folder)
    if lacking := [band for band in model.bands if band not in plan.bands]:
        raise UserError(
            f"the change model {settings.model} sees the band {lacking[0]}, but the mosaic has "
            f"{', '.join(plan.bands)}; choose another change model"
        )
    inputs = json_digest([plan.blocks_of.mosaic_by.decode(), plan.blocks_of.landcover_by.decode()])
    values = {name: np.asarray(array(group, f"blocks/{name}")[reference.time]) for name in RECORDS}
    screened_YX, part_alerts_YXP, part_alert_days_YXP = (
        read_record(group, name, reference.time) for name in (SCREENED, *OF_PARTS)
    )
    wanted_mosaic_YX, wanted_landcover_YX = _wanted(plan)
    other_inputs = np.bool_(not _same_inputs(plan, group, reference, inputs))
    inside_YX = wanted_mosaic_YX > 0
    going_YX = np.select(
        [
            ~inside_YX,
            (values["mosaic"] == 0) | (values["landcover"] == 0),
            other_inputs,
            values["state"] == DEGRADED,
            (values["state"] == EMPTY) & (wanted_mosaic_YX != values["mosaic"]),
        ],
        [Outcome.NOT_ASKED, Outcome.NEVER_MAPPED, Outcome.OTHER_INPUTS, Outcome.DEGRADED, Outcome.NEVER_MAPPED],
        Outcome.NOT_ASKED,
    ).astype(np.uint8)
    known_YX = (wanted_mosaic_YX == values["mosaic"]) | (wanted_mosaic_YX == screened_YX)
    return Questions(
        id=json_digest([plan.run, asdict(reference), _facts(settings), model.digest])[:16],
        reference=reference,
        settings=settings,
        model_digest=model.digest,
        halo=model.halo,
        screen_bytes=screen_bytes(
            plan.extent.grid.block, len(plan.bands), len(model.bands), model.halo, model.batch_bytes
        ),
        inputs=inputs,
        wanted_mosaic_YX=wanted_mosaic_YX,
        wanted_landcover_YX=wanted_landcover_YX,
        mosaic_YX=values["mosaic"],
        landcover_YX=values["landcover"],
        screened_YX=screened_YX,
        run_YX=_runs(plan, group, reference),
        part_alerts_YXP=part_alerts_YXP,
        part_alert_days_YXP=part_alert_days_YXP,
        going_YX=going_YX,
        asked_YX=inside_YX & (going_YX == Outcome.NOT_ASKED) & (~known_YX | np.bool_(reference.carries)),
    )


RECORDS = ("mosaic", "landcover", "state")


def _facts(settings: ChangeSettings) -> dict[str, object]:
    return settings.model_dump(exclude={"model"})


def _reference(group: zarr.Group, snapshot: str, start: date) -> Reference | None:
    """The period itself if the version has it, else the latest before it."""
    starts = [first for first, _ in periods_of(group)]
    before = max((first for first in starts if first <= start), default=None)
    if before is None:
        return None
    time = period_index(group, before)
    assert time is not None, "it is one of the periods"
    return Reference(snapshot, time, before, before != start)


def _runs(plan: Plan, group: zarr.Group, reference: Reference) -> np.ndarray:
    """The record `run` of the reference, (by, bx)."""
    assert plan.cube is not None, "a reference is in a cube"
    run = versions.runs_of(plan.cube, reference.snapshot).get(str(reference.start))
    if run is None or keeps_blocks(group, str(reference.start), run):
        return read_record(group, RUN, reference.time)
    return np.full(plan.extent.block_range.shape, int(run, 16), np.uint64)


def _wanted(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Fingerprints of a fresh run, 0 outside the region."""
    shape = plan.extent.block_range.shape
    mosaic_YX, landcover_YX = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)
    for block in plan.blocks_of.plans(None, None):
        slot = plan.extent.slot(block.block)
        mosaic_YX[slot], landcover_YX[slot] = block.mosaic, block.landcover
    return mosaic_YX, landcover_YX


def _same_inputs(plan: Plan, group: zarr.Group, reference: Reference, inputs: str) -> bool:
    """Whether the reference was made with the present model and settings.

    A period that was mapped last without a change model, all with one model and settings, says so by the id of its run,
    or by the fingerprints of a block, with the scenes of that run. Those of a block that lacked a scene tell nothing.
    """
    assert plan.cube is not None, "a reference is in a cube"
    files, run = plan.cube.files, versions.runs_of(plan.cube, reference.snapshot).get(str(reference.start))
    if (made := read_inputs(group, str(reference.start))) is not None and made[0] == run:
        return made[1] == inputs
    if run is None or not files.exists(f"runs/{run}/scenes.parquet"):
        return False
    decisions = read_decisions(files, f"runs/{run}/offsets.json")
    items = read_items(files, f"runs/{run}/scenes.parquet")
    then = replace(plan, selection=choose_scenes(plan.region, items, plan.bands, decisions))
    if then.run == run:
        return True
    rows = (BlockRows(array(group, f"blocks/{name}"), reference.time) for name in RECORDS)
    blocks = then.blocks_of.plans(Records(plan.extent, *rows), None)
    return any(not (block.mosaic_due or block.landcover_due) for block in blocks)
