"""What a user would write with the loaders people use: scenes' DN and classes on a grid, as xarray or numpy.

Each takes STAC items, a grid and a window, and gives (dn, scl): a dataset or array of uint16 over time, bands, y and x
(0 = no data), and of uint8 over time, y and x. All use two threads, and resample bands bilinearly, classes to the
nearest.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

THREADS = 2
BANDS = ("blue", "green", "red", "nir")


def transform(grid, window):
    left, _, _, top = grid.bounds(window)
    return Affine(grid.resolution, 0, left, 0, -grid.resolution, top)


def odc_threads(items, grid, window):
    return _odc(items, grid, window, pool=THREADS)


def odc_dask(items, grid, window):
    import dask

    with dask.config.set(scheduler="threads", num_workers=THREADS):
        dn, scl = _odc(items, grid, window, chunks={"x": 1024, "y": 1024})
        return dask.compute(dn, scl)


def _odc(items, grid, window, **how):
    import odc.stac
    import pystac
    from odc.geo.geobox import GeoBox

    loaded = odc.stac.load(
        [pystac.Item.from_dict(item) for item in items],
        bands=[*BANDS, "scl"],
        geobox=GeoBox(window.shape, transform(grid, window), grid.crs),
        resampling={"scl": "nearest", "*": "bilinear"},
        groupby="id",
        **how,
    )
    return loaded[list(BANDS)], loaded.scl


def stackstac(items, grid, window):
    """stackstac 0.5.0 passes pandas an argument that it no longer has: it is dropped here, or nothing would load."""
    import dask
    import pandas
    import pystac
    import stackstac

    to_datetime = pandas.to_datetime
    pandas.to_datetime = lambda *values, infer_datetime_format=None, **how: to_datetime(*values, **how)
    stack = partial(
        stackstac.stack,
        [pystac.Item.from_dict(item) for item in items],
        epsg=int(grid.crs.removeprefix("EPSG:")),
        bounds=grid.bounds(window),
        resolution=grid.resolution,
        rescale=False,
        chunksize=1024,
    )
    dn = stack(assets=list(BANDS), resampling=Resampling.bilinear, dtype="uint16", fill_value=np.uint16(0))
    scl = stack(assets=["scl"], resampling=Resampling.nearest, dtype="uint8", fill_value=np.uint8(0))
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        dn, scl = dask.compute(dn, scl)
    return dn.reset_coords(drop=True).to_dataset(dim="band"), scl[:, 0].reset_coords(drop=True)


def warped_vrt(items, grid, window):
    place = {"crs": grid.crs, "transform": transform(grid, window)}
    place |= dict(zip(("height", "width"), window.shape, strict=True))

    def one(asset):
        key, href = asset
        resampling = Resampling.nearest if key == "scl" else Resampling.bilinear
        with rasterio.open(href) as source, WarpedVRT(source, **place, resampling=resampling) as warped:
            return warped.read(1)

    keys = [*BANDS, "scl"]
    with ThreadPoolExecutor(THREADS) as threads:
        read = list(threads.map(one, [(key, item["assets"][key]["href"]) for item in items for key in keys]))
    scenes = [read[i : i + len(keys)] for i in range(0, len(read), len(keys))]
    return np.stack([np.stack(scene[:-1]) for scene in scenes]), np.stack([scene[-1] for scene in scenes])


LOADERS = {
    "odc-stac, threads": odc_threads,
    "odc-stac, dask": odc_dask,
    "stackstac": stackstac,
    "rasterio WarpedVRT": warped_vrt,
}


def by_xarray(dn, scl, clear):
    """The median as a user of xarray writes it."""
    return dn.where(scl.isin(clear) & (dn > 0)).median("time")


def by_numpy(dn, scl, clear):
    """The median as a user of numpy writes it."""
    dn_NBHW, scl_NHW = stacked(dn), np.asarray(scl)
    seen = np.isin(scl_NHW, clear)[:, None] & (dn_NBHW > 0)
    return np.nanmedian(np.where(seen, dn_NBHW, np.float32(np.nan)), axis=0)


def stacked(dn):
    return dn if isinstance(dn, np.ndarray) else np.stack([dn[band].values for band in BANDS], axis=1)
