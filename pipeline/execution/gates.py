"""Gates between a finished run and its publication: what a new version must not do unseen.

They read the records of the blocks, a stripe at a time, so gains and losses within one block offset each other.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import icechunk
import numpy as np
import zarr

from pipeline.config.region import GateSettings
from pipeline.cube import store, versions
from pipeline.cube.records import Stripes
from pipeline.cube.schema import UNPROCESSED, Layout
from pipeline.errors import RunError


@dataclass(frozen=True)
class Gate:
    """A share, the most that is allowed of it, and what it says; `value` is None where nothing can be compared."""

    name: str
    value: float | None
    limit: float
    passed: bool
    why: str


def check_gates(
    repository: icechunk.Repository, branch: str, layout: Layout, time: int, settings: GateSettings
) -> list[Gate]:
    """The gates of a run's branch against the newest version. Raises RunError that names all that failed."""
    published = store.peek(repository, versions.MAIN)
    found = gates(store.reader(repository, branch=branch), published, time, layout, settings)
    failed = [gate for gate in found if not gate.passed]
    if failed:
        told = "; ".join(
            f"{g.name} {g.value:.2%} is more than gates.max_{g.name} {g.limit:.2%}: {g.why}" for g in failed
        )
        look = "" if published is None else f", or look at 'idgbr diff CUBE newest {branch}'"
        raise RunError(
            f"not published: {told}; raise the setting in the region file and run again to accept it{look} "
            "(what was mapped is kept)"
        )
    return found


def gates(
    group_new: zarr.Group, group_old: zarr.Group | None, time_new: int, layout: Layout, settings: GateSettings
) -> list[Gate]:
    """Lost coverage, drift of the classes' shares, and holes of a period about to be published.

    Compared with the same period of the older group or, where it is new, with the newest earlier one.
    """
    extent = layout.extent
    pixels, holes, state = (
        Stripes(store.array(group_new, f"blocks/{n}"), time_new) for n in ("pixels", "holes", "state")
    )
    before = None if group_old is None else _before(group_new, group_old, time_new)
    old = None if group_old is None or before is None else Stripes(store.array(group_old, "blocks/pixels"), before[0])
    was = lost = mapped = missed = blocks = unprocessed = 0
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
            was += int(old_N.sum())
            lost += int(np.maximum(old_N - new_N, 0).sum())
            both_N = (old_N > 0) & (new_N > 0)
            shared_2K += np.stack([old_NK[both_N].sum(0), new_NK[both_N].sum(0)])
    than = before[1] if before else "nothing"
    return [
        _lost(lost, was, than, settings.max_lost_coverage),
        _drift(shared_2K, layout, than, settings.max_drift),
        _holes(missed, mapped, unprocessed, blocks, settings.max_holes),
    ]


def _before(group_new: zarr.Group, group_old: zarr.Group, time_new: int) -> tuple[int, str] | None:
    """Where along the older group's time lies what a period is compared with, and what that is."""
    day = int(np.asarray(store.array(group_new, "time"))[time_new])
    days = np.asarray(store.array(group_old, "time")).tolist()
    if day in days:
        return days.index(day), "the newest version"
    earlier = [d for d in days if d < day]
    if not earlier:
        return None
    return days.index(max(earlier)), f"the period from {date(1970, 1, 1) + timedelta(max(earlier))}"


def _lost(lost: int, was: int, than: str, limit: float) -> Gate:
    if not was:
        return Gate(
            "lost_coverage", None, limit, True, "nothing to compare with: no earlier map of this or an earlier period"
        )
    why = f"of {was:,} pixels mapped in {than} {lost:,} would become no data"
    return Gate("lost_coverage", lost / was, limit, lost / was <= limit, why)


def _drift(shared_2K: np.ndarray, layout: Layout, than: str, limit: float) -> Gate:
    sums_2 = shared_2K.sum(1)
    if not sums_2.all():
        return Gate("drift", None, limit, True, "nothing to compare with: no block is mapped both before and now")
    old_K, new_K = shared_2K / sums_2[:, None]
    value, most = float(np.abs(new_K - old_K).sum() / 2), int(np.abs(new_K - old_K).argmax())
    name = layout.classes[most]["name"]
    why = (
        f"against {than} {name} changes most, from {old_K[most]:.1%} to {new_K[most]:.1%} of the blocks mapped in both"
    )
    return Gate("drift", value, limit, value <= limit, why)


def _holes(missed: int, mapped: int, unprocessed: int, blocks: int, limit: float) -> Gate:
    value = max(missed / max(missed + mapped, 1), unprocessed / max(blocks, 1))
    why = (
        f"{missed:,} of {missed + mapped:,} observed pixels have no class, "
        f"{unprocessed:,} of {blocks:,} blocks were never processed"
    )
    return Gate("holes", value, limit, value <= limit, why)
