"""Make damaged blocks due again: their fingerprints are forgotten, so that the next run maps them anew."""

import asyncio
from collections.abc import Collection

import icechunk

from pipeline.cube import versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.damage import NOT_HEALABLE, Damage
from pipeline.cube.schema import Layout
from pipeline.cube.store import array, path_of
from pipeline.errors import RunError

MADE_WITH = {
    "mosaic": ("mosaic", "observations", "first_clear", "last_clear", "blocks/mosaic", "blocks/state", "blocks/clear"),
    "landcover": ("landcover", "coarse", "confidence", "refined", "blocks/landcover", "blocks/source"),
    "aggregate": ("blocks/aggregate", "blocks/pixels", "blocks/holes"),
}
"""By record of fingerprints, the arrays that are made again when a block's fingerprint is gone; coarser levels are with
`aggregate`."""


def heal(cube: Cube, damages: Collection[Damage]) -> str:
    """Makes the blocks of damaged chunks due, by a commit on `main`; returns its snapshot.

    The commit is no version: until a run publishes one, the newest version stays, and reading the damage an error.
    Raises RunError where one `is_healable` not, before anything is changed.
    """
    base = versions.head(cube)
    layout = Layout.of(cube.group(snapshot=base))
    slots = [_slots(cube, damage, layout) for damage in damages]
    branch = f"heal-{base}"
    versions.delete_branch(cube, branch)
    cube.writable.create_branch(branch, base)
    session = cube.repository.writable_session(branch)
    asyncio.run(_delete(session.store, damages))
    group = session_group(session)
    for damage, blocks in zip(damages, slots, strict=True):
        array(group, f"blocks/{_record(damage.array)}")[(damage.chunk[0], *blocks)] = 0
    group.attrs.pop("version", None)
    snapshot = cube.commit(
        session, f"heal: {len(damages)} damaged chunks due again", {"runs": versions.runs_of(cube, base)}
    )
    cube.write_sums(snapshot, base)
    versions.move_main(cube, base, snapshot, "check again")
    versions.delete_branch(cube, branch)
    return snapshot


def _slots(cube: Cube, damage: Damage, layout: Layout) -> tuple[slice, slice]:
    """`Damage.slots` of what a run makes again. Raises RunError for other damage."""
    slots = damage.slots(layout)
    if slots is None or not damage.is_healable:
        raise RunError(f"{damage.array} of the cube at {cube.location} is damaged; {NOT_HEALABLE}")
    return slots


async def _delete(store: icechunk.IcechunkStore, damages: Collection[Damage]) -> None:
    """Takes chunks out of the arrays; Zarr would read them before it writes a part."""
    for damage in damages:
        await store.delete("/".join([damage.array, "c", *map(str, damage.chunk)]))


def _record(name: str) -> str:
    made = (record for record, arrays in MADE_WITH.items() if name in map(path_of, arrays))
    return next(made, "aggregate")
