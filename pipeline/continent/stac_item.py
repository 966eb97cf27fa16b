"""The STAC items of a joined cube, one a period: they name the versions that it was joined from."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.stac_item import write_item
from pipeline.continent.regional import Regional
from pipeline.cube.cube import Cube
from pipeline.cube.items import item_facts, item_of_period, item_of_run
from pipeline.cube.schema import Layout
from pipeline.geometry.grid import LONLAT, transformer


def write_join_items(cube: Cube, layout: Layout, regionals: Sequence[Regional], runs: Mapping[str, str]) -> None:
    """Writes the item of each period, by its first day in `runs`, where that of a run would be, for `publish_items`.

    Links "derived_from" lead to the items of the regions' cubes; "idgbr:sources" are those cubes and their versions.
    """
    name = re.sub(r"[^a-z0-9]+", "-", Path(str(cube.location)).name.lower()).strip("-") or "continent"
    for start, run in runs.items():
        sources = {
            end: [other for other in regionals if (date.fromisoformat(start), end) in other.periods]
            for end in {end for each in regionals for first, end in each.periods if str(first) == start}
        }
        for end, joined in sources.items():
            with cube.files.local_draft(item_of_run(run)) as path:
                write_item(
                    path,
                    id=f"{name}-{start}",
                    footprint=_footprint(joined),
                    start=datetime.combine(date.fromisoformat(start), time.min, UTC),
                    end=datetime.combine(end, time.max, UTC),
                    snapshot="join",
                    lineage=f"joined block by block from {len(joined)} cubes of regions",
                    sources=[(each.name, each.version, _item_of(each, start)) for each in joined],
                    **item_facts(cube, layout),
                )


def _item_of(regional: Regional, start: str) -> str | None:
    item = item_of_period(regional.cube, regional.version, start)
    return None if item is None else f"{regional.name}/stac/{item['id']}.json"


def _footprint(regionals: Sequence[Regional]) -> BaseGeometry:
    """The ground of regions in longitude and latitude; edges are cut into segments of a block first."""
    extents = [regional.layout.extent for regional in regionals]
    grid = extents[0].grid
    ground = shapely.union_all([extent.area or shapely.box(*grid.bounds(extent.window)) for extent in extents])
    to_lonlat = transformer(grid.crs, LONLAT)

    def project(xy_N2: np.ndarray) -> np.ndarray:
        return np.stack(to_lonlat.transform(xy_N2[:, 0], xy_N2[:, 1]), axis=1)

    return shapely.transform(shapely.segmentize(ground, grid.resolution * grid.block), project)
