"""CF and GeoZarr attributes that georeference the arrays of a cube.

The conventions are those of https://github.com/zarr-conventions in release 0.1: multiscales, proj and spatial.
"""

from typing import Any

from pyproj import CRS

from pipeline.cube.schema import Layout
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Window

UUIDS = {
    "multiscales": "d35379db-88df-4056-af3a-620245f8e347",
    "proj": "f17cb550-5864-4468-aeb7-f3180cfb622f",
    "spatial": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
}
DESCRIPTIONS = {
    "multiscales": "Multiscale layout of zarr datasets",
    "proj": "Coordinate reference system information for geospatial data",
    "spatial": "Spatial coordinate information",
}


def transform_of(extent: Extent, level: int) -> tuple[float, float, float, float, float, float]:
    """Affine (a, b, c, d, e, f) of the arrays of a level: x = a * col + c, y = e * row + f."""
    r, (row, col) = extent.grid.resolution, extent.origin
    return r * 2**level, 0.0, col * r, 0.0, -r * 2**level, -row * r


def shape_of(extent: Extent, level: int) -> tuple[int, int]:
    """Rows and columns of the arrays of a level."""
    rows, cols = extent.shape
    return -(-rows >> level), -(-cols >> level)


def crs_attributes(extent: Extent, level: int) -> dict[str, Any]:
    """CF grid mapping of a level, with GDAL's GeoTransform."""
    a, b, c, d, e, f = transform_of(extent, level)
    return {**CRS(extent.grid.crs).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}


def placed(extent: Extent, level: int) -> dict[str, Any]:
    """Attributes of a level's group and of each of its arrays over pixels: CRS, transform and shape."""
    return {**_conventions("proj", "spatial"), **_crs(extent), **_place(extent, level)}


def pyramid(layout: Layout) -> dict[str, Any]:
    """Attributes of the group that holds the levels, finest first; transform and shape are those of each level."""
    extent = layout.extent
    (row, col), (rows, cols) = extent.origin, extent.shape
    steps = [
        {
            "asset": str(level),
            **({"derived_from": str(level - 1)} if level else {}),
            "transform": {"scale": [2.0, 2.0] if level else [1.0, 1.0], "translation": [0.0, 0.0]},
            **_place(extent, level),
        }
        for level in range(layout.levels + 1)
    ]
    return {
        **_conventions("multiscales", "proj", "spatial"),
        **_crs(extent),
        "spatial:bbox": list(extent.grid.bounds(Window(row, col, row + rows, col + cols))),
        "multiscales": {"layout": steps, "resampling_method": "mode"},
    }


def _crs(extent: Extent) -> dict[str, Any]:
    return {"proj:code": extent.grid.crs, "spatial:dimensions": ["y", "x"]}


def _place(extent: Extent, level: int) -> dict[str, Any]:
    return {"spatial:transform": list(transform_of(extent, level)), "spatial:shape": list(shape_of(extent, level))}


def _conventions(*names: str) -> dict[str, Any]:
    at = "zarr-conventions"
    return {
        "zarr_conventions": [
            {
                "uuid": UUIDS[name],
                "name": name,
                "description": DESCRIPTIONS[name],
                "schema_url": f"https://raw.githubusercontent.com/{at}/{name}/refs/tags/v0.1/schema.json",
                "spec_url": f"https://github.com/{at}/{name}/blob/v0.1/README.md",
            }
            for name in names
        ]
    }
