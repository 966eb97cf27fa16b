"""The STAC items of a published version."""

from datetime import UTC, datetime, time

from catalogs.stac_item import write_item
from pipeline.cube.cube import Cube
from pipeline.cube.items import item_of_run, publish_items
from pipeline.planning.plan import Plan


def write_run_item(cube: Cube, plan: Plan) -> None:
    """Writes the STAC item of a run's period into its folder; it names the run's branch until it is published."""
    region, layout = plan.region, plan.layout
    r, w = layout.extent.grid.resolution, layout.extent.window
    start, end = region.period
    with cube.files.local_draft(item_of_run(plan.run)) as path:
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
            snapshot=plan.branch,
            scenes=[scene.id for scene in plan.scenes],
        )


def write_version_item(cube: Cube, plan: Plan) -> None:
    """Makes the STAC items of the cube name the newest version, that of the plan's period included."""
    write_run_item(cube, plan)
    publish_items(cube, {str(plan.region.period[0]): plan.run})
