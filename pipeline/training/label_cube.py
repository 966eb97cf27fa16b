"""Labels from an earlier map of this system, where that was confident."""

import numpy as np

from pipeline.config.region import Region
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import time_of
from pipeline.cube.schema import Layout
from pipeline.cube.store import array
from pipeline.geometry.grid import Window
from pipeline.raster.level import Part, Raster
from pipeline.raster.mode import mode
from pipeline.training.area_kinds import CubeLabels
from pipeline.training.label_source import ClassRows, LabelSource, check_mapping, eroded


def open_cube_labels(areas: CubeLabels, region: Region) -> LabelSource:
    """The classes of a published version of a cube, brought to a region's grid. Raises UserError."""
    cube = Cube.open(areas.cube)
    snapshot = versions.readable(cube, areas.version)
    group = cube.group(snapshot=snapshot)
    layout, time = Layout.of(group), time_of(group, snapshot, areas.period)
    rows: ClassRows = tuple(row.model_dump() for row in areas.classes) if areas.classes else layout.classes
    check_mapping(areas.mapping, rows)
    code_of = np.zeros(256, np.uint8)
    mapping = areas.mapping or {row["code"]: row["code"] for row in rows}
    code_of[list(mapping)] = list(mapping.values())
    landcover, confidence = array(group, "landcover"), array(group, "confidence")
    grid, (row, col), (height, width) = layout.extent.grid, layout.extent.origin, layout.extent.shape
    raster = Raster(grid.crs, col * grid.resolution, -row * grid.resolution, grid.resolution, height, width, None)

    def read(part: Part) -> np.ndarray:
        at = time, slice(*part.rows), slice(*part.cols)
        confident_HW = np.asarray(confidence[at]) >= areas.min_confidence
        return np.where(confident_HW, code_of[np.asarray(landcover[at])], 0)

    def draw(window: Window) -> np.ndarray:
        return mode(region.extent.grid, window, raster, read)

    identity = [str(areas.cube), snapshot, str(areas.period), areas.min_confidence, sorted(mapping.items())]
    return LabelSource(rows, identity, eroded(draw, areas.erode))
