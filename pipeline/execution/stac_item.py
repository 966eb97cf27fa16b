"""The STAC item of a published version."""

from datetime import UTC, datetime, time

from catalogs.stac_item import write_item
from pipeline.cube.cube import Cube
from pipeline.planning.plan import Plan


def write_version_item(cube: Cube, plan: Plan, version: str) -> None:
    """Writes the STAC item of a published version into the cube: `stac/NAME-START.json`."""
    region, layout = plan.region, plan.layout
    r, w = layout.extent.grid.resolution, layout.extent.window
    start, end = region.period
    with cube.files.local_draft(f"stac/{region.name}-{start}.json") as path:
        write_item(
            path,
            id=f"{region.name}-{start}",
            footprint=region.searched,
            start=datetime.combine(start, time.min, UTC),
            end=datetime.combine(end, time.max, UTC),
            crs=layout.extent.grid.crs,
            shape_YX=w.shape,
            transform=(r, 0.0, w.x0 * r, 0.0, -r, -w.y0 * r),
            classes=layout.classes,
            store=f"{cube.location}/store",
            snapshot=version,
            scenes=[scene.id for scene in plan.scenes],
        )
