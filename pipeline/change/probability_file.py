"""A map of probabilities as one file, copied from its parts one after another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from pyproj import CRS

from pipeline.change.dates import TwoDates
from pipeline.export.block_parts import Parts, Picture, write_cog_of_parts
from pipeline.storage.consolidate import consolidate

NAME = "probability of change"


def write_probability(
    out: Path,
    scratch: Path,
    dates: TwoDates,
    parts: Parts,
    tags: Mapping[str, str],
    chunk: int,
) -> None:
    """Writes `out`, which is not there yet or was not finished, as a COG (.tif) or Zarr (.zarr); parts: .npy files.

    A plain GeoTIFF lies in the folder `scratch` meanwhile.
    """
    if out.suffix == ".zarr":
        _write_zarr(out, dates, parts, tags, chunk)
        return
    picture = Picture(
        dates.window, dates.wkt, dates.transform, "float32", float("nan"), NAME, tags, resampling="AVERAGE"
    )
    write_cog_of_parts(out, scratch / "plain.tif", picture, parts)


def _write_zarr(out: Path, dates: TwoDates, parts: Parts, tags: Mapping[str, str], chunk: int) -> None:
    rows, cols = dates.window.shape
    group = zarr.create_group(out, attributes={"Conventions": "CF-1.11", **tags}, overwrite=True)
    attributes: dict[str, Any] = {"long_name": NAME, "units": "1"}
    if dates.transform is not None and dates.wkt:
        a, b, c, d, e, f = dates.transform
        attributes["grid_mapping"] = "spatial_ref"
        crs = {**CRS(dates.wkt).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
        group.create_array("spatial_ref", data=np.array(0), attributes=crs)
        for axis, start, step, length in (("y", f, e, rows), ("x", c, a, cols)):
            centre = start + (np.arange(length) + 0.5) * step
            group.create_array(axis, data=centre, dimension_names=(axis,))
    array = group.create_array(
        "probability",
        shape=(rows, cols),
        chunks=(min(chunk, rows), min(chunk, cols)),
        dtype="float32",
        fill_value=float("nan"),
        dimension_names=("y", "x"),
        attributes=attributes,
    )
    for window, file in parts:
        array[window.slices((dates.window.y0, dates.window.x0))] = np.load(file)
    consolidate(out)
