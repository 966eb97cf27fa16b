"""Change models and change sets on disk: folders of `A/`, `B/` and `label/`, and pairs of GeoTIFFs."""

import warnings

import numpy as np
import rasterio
from change_toys import two_dates
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin


def write_raster(file, array_BHW, crs="EPSG:3035", left=4_000_000, top=3_000_000, nodata=None, driver="GTiff"):
    file.parent.mkdir(parents=True, exist_ok=True)
    place = {} if crs is None else {"crs": crs, "transform": from_origin(left, top, 10, 10)}
    bands, height, width = array_BHW.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            file,
            "w",
            driver=driver,
            height=height,
            width=width,
            count=bands,
            dtype=array_BHW.dtype,
            nodata=nodata,
            **place,
        ) as target:
            target.write(array_BHW)
    return file


def write_change_set(folder, seeds, size=64, **place):
    """Pairs of `two_dates`, with grey labels of 0 and 255."""
    for seed in seeds:
        before_CHW, after_CHW, label_HW = two_dates(seed, size)
        for part, array_BHW in (("A", before_CHW), ("B", after_CHW), ("label", label_HW[None] * np.uint8(255))):
            write_raster(folder / part / f"pair-{seed}.tif", array_BHW, **place)
    return folder
