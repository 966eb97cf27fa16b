"""Checks between a run and its publication: the blocks are those planned, and the map does not differ too much.

They read the records of the blocks, a stripe at a time. Gains and losses within one block offset each other.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import zarr

from pipeline.config.sections import GateSettings
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.records import BlockRows, block_records
from pipeline.cube.schema import UNPROCESSED, Layout
from pipeline.errors import RunError, RunHeld
from pipeline.planning.blocks import Lost
from pipeline.planning.plan import Plan


@dataclass(frozen=True)
class Gate:
    """A share, the maximum allowed, and what the share means; `value` is None if there is nothing to compare with."""

    name: str
    value: float | None
    limit: float
    passed: bool
    why: str


def check_blocks(cube: Cube, planned: Plan, lost: Lost) -> int:
    """Number of degraded blocks on the run's branch; `lost` are the scenes that this run could not read.

    Raises RunError if a block is not what was planned, but for scenes lost, and RunHeld if too many are degraded.
    """
    records = block_records(cube, planned.branch, planned.extent, planned.region.period[0])
    assert records is not None, "a run's branch has its period"
    blocks = degraded = 0
    for block in planned.compared(records):
        blocks += 1
        differs = block.mosaic_due or block.landcover_due
        if differs and records.fingerprints(block.block) != planned.fingerprints(block.block, lost):
            raise RunError(f"block {block.block} is not what was planned: not published; run again")
        degraded += records.degraded(block.block)
    allowed = planned.region.max_degraded
    if degraded > allowed * blocks:
        raise RunHeld(
            f"{degraded} of {blocks} blocks lack a scene that could not be read, more than max_degraded "
            f"{allowed:.1%} allows: not published; run again to try them again, or raise max_degraded"
        )
    return degraded


def check_gates(cube: Cube, branch: str, layout: Layout, time: int, settings: GateSettings) -> list[Gate]:
    """The gates of a run's branch against the newest version. Raises RunHeld that names all that failed."""
    published = cube.branch_group(versions.MAIN)
    checked = gates(cube.group(branch=branch), published, time, layout, settings)
    failed = [gate for gate in checked if not gate.passed]
    if failed:
        reasons = "; ".join(
            f"{gate.name} {gate.value:.2%} is more than gates.max_{gate.name} {gate.limit:.2%}: {gate.why}"
            for gate in failed
        )
        diff = "" if published is None else f", or look at 'idgbr diff CUBE newest {branch}'"
        raise RunHeld(
            f"not published: {reasons}; raise the setting in the region file and run again to accept it, or accept it "
            f"once by 'idgbr publish CUBE {branch} --because REASON'{diff} (what was mapped is kept)",
            {gate.name: gate.value for gate in checked},
        )
    return checked


def gates(
    group_new: zarr.Group, group_old: zarr.Group | None, time_new: int, layout: Layout, settings: GateSettings
) -> list[Gate]:
    """Lost coverage, drift of the classes' shares, and holes of a period about to be published.

    lost_coverage: share of the pixels mapped before that would become no data. drift: total variation distance of the
    class shares, in the blocks mapped both times. holes: share of the observed pixels without a class, or of the blocks
    never processed if that is more. Compared with the same period of the older group or, if it has none, with its
    newest earlier one.
    """
    extent = layout.extent
    pixels, holes, state = (
        BlockRows(store.array(group_new, f"blocks/{n}"), time_new) for n in ("pixels", "holes", "state")
    )
    reference = None if group_old is None else _reference(group_new, group_old, time_new)
    old = (
        None
        if group_old is None or reference is None
        else BlockRows(store.array(group_old, "blocks/pixels"), reference[0])
    )
    before = lost = mapped = missed = blocks = unprocessed = 0
    shared_2K = np.zeros((2, len(layout.classes)), np.int64)
    for iy, ix_N in extent.rows():
        y, x0 = extent.slot((iy, 0))
        at_N = ix_N + x0
        new_NK = pixels.row(y)[at_N].astype(np.int64)
        mapped += int(new_NK.sum())
        missed += int(holes.row(y)[at_N].sum(dtype=np.int64))
        blocks += len(at_N)
        unprocessed += int((state.row(y)[at_N] == UNPROCESSED).sum())
        if old is not None:
            old_NK = old.row(y)[at_N].astype(np.int64)
            old_N, new_N = old_NK.sum(1), new_NK.sum(1)
            before += int(old_N.sum())
            lost += int(np.maximum(old_N - new_N, 0).sum())
            both_N = (old_N > 0) & (new_N > 0)
            shared_2K += np.stack([old_NK[both_N].sum(0), new_NK[both_N].sum(0)])
    reference_name = reference[1] if reference else "nothing"
    return [
        _lost_coverage(lost, before, reference_name, settings.max_lost_coverage),
        _drift(shared_2K, layout, reference_name, settings.max_drift),
        _holes(missed, mapped, unprocessed, blocks, settings.max_holes),
    ]


def _reference(group_new: zarr.Group, group_old: zarr.Group, time_new: int) -> tuple[int, str] | None:
    """Index in the older group of the period to compare with, and its name; None if there is none."""
    day = int(np.asarray(store.array(group_new, "time"))[time_new])
    days = np.asarray(store.array(group_old, "time")).tolist()
    if day in days:
        return days.index(day), "the newest version"
    earlier = [d for d in days if d < day]
    if not earlier:
        return None
    return days.index(max(earlier)), f"the period from {date(1970, 1, 1) + timedelta(max(earlier))}"


def _lost_coverage(lost: int, before: int, reference: str, limit: float) -> Gate:
    if not before:
        why = "nothing to compare with: no earlier map of this or an earlier period"
        return Gate("lost_coverage", None, limit, True, why)
    why = f"of {before:,} pixels mapped in {reference} {lost:,} would become no data"
    return Gate("lost_coverage", lost / before, limit, lost / before <= limit, why)


def _drift(shared_2K: np.ndarray, layout: Layout, reference: str, limit: float) -> Gate:
    sums_2 = shared_2K.sum(1)
    if not sums_2.all():
        return Gate("drift", None, limit, True, "nothing to compare with: no block is mapped both before and now")
    old_K, new_K = shared_2K / sums_2[:, None]
    value, most = float(np.abs(new_K - old_K).sum() / 2), int(np.abs(new_K - old_K).argmax())
    name = layout.classes[most]["name"]
    why = (
        f"against {reference} {name} changes most, from {old_K[most]:.1%} to {new_K[most]:.1%} of the blocks mapped in "
        "both"
    )
    return Gate("drift", value, limit, value <= limit, why)


def _holes(missed: int, mapped: int, unprocessed: int, blocks: int, limit: float) -> Gate:
    value = max(missed / max(missed + mapped, 1), unprocessed / max(blocks, 1))
    why = (
        f"{missed:,} of {missed + mapped:,} observed pixels have no class, "
        f"{unprocessed:,} of {blocks:,} blocks were never processed"
    )
    return Gate("holes", value, limit, value <= limit, why)
