"""CF and GeoZarr attributes that georeference the arrays of a cube."""

from typing import Any

from pyproj import CRS

from pipeline.cube.schema import Layout
from pipeline.geometry.extent import Extent


def transform_of(extent: Extent, level: int) -> tuple[float, float, float, float, float, float]:
    """Affine (a, b, c, d, e, f) of the arrays of a level: x = a * col + c, y = e * row + f."""
    r, (row, col) = extent.grid.resolution, extent.origin
    return r * 2**level, 0.0, col * r, 0.0, -r * 2**level, -row * r


def crs_attributes(extent: Extent) -> dict[str, Any]:
    """CF grid mapping, with GDAL's GeoTransform."""
    a, b, c, d, e, f = transform_of(extent, 0)
    return {**CRS(extent.grid.crs).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}


def geozarr(extent: Extent, level: int) -> dict[str, Any]:
    """GeoZarr `proj:` and `spatial:` attributes of a level's group."""
    return {
        "proj:code": extent.grid.crs,
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": list(transform_of(extent, level)),
        "spatial:shape": [-(-side >> level) for side in extent.shape],
    }


def multiscales(layout: Layout) -> dict[str, Any]:
    """GeoZarr `multiscales` attribute of the group of levels."""
    steps = [
        {"asset": str(n), "derived_from": ".." if n == 1 else str(n - 1), "transform": {"scale": [2.0, 2.0]}}
        for n in range(1, layout.levels + 1)
    ]
    return {"multiscales": {"layout": steps, "resampling_method": "mode"}}
