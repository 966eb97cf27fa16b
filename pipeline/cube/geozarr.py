"""Metadata by which other tools place the arrays of a cube."""

from typing import Any

from pyproj import CRS

from pipeline.cube.schema import Layout
from pipeline.geometry.extent import Extent


def transform_of(extent: Extent, level: int) -> tuple[float, float, float, float, float, float]:
    """Affine (a, b, c, d, e, f) of a level's arrays."""
    r, (row, col) = extent.grid.resolution, extent.origin
    return r * 2**level, 0.0, col * r, 0.0, -r * 2**level, -row * r


def crs_attributes(extent: Extent) -> dict[str, Any]:
    a, b, c, d, e, f = transform_of(extent, 0)
    return {**CRS(extent.grid.crs).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}


def geozarr(extent: Extent, level: int) -> dict[str, Any]:
    return {
        "proj:code": extent.grid.crs,
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": list(transform_of(extent, level)),
        "spatial:shape": [-(-side >> level) for side in extent.shape],
    }


def multiscales(layout: Layout) -> dict[str, Any]:
    steps = [
        {"asset": str(n), "derived_from": ".." if n == 1 else str(n - 1), "transform": {"scale": [2.0, 2.0]}}
        for n in range(1, layout.levels + 1)
    ]
    return {"multiscales": {"layout": steps, "resampling_method": "mode"}}
