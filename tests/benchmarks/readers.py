"""What each tool reads of a cube and of its exports, compared with the truth: CRS, transform, no data, classes.

python tests/benchmarks/readers.py
"""

import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import geopandas
import numpy as np
import odc.geo.xr  # noqa: F401 it adds the accessor
import rasterio
import rioxarray
import xarray as xr
import zarr
from made_maps import patches, publish
from rio_cogeo.cogeo import cog_validate

from pipeline.cube.cube import Cube
from pipeline.export.cog import export_cog
from pipeline.export.plain_zarr import export_zarr
from pipeline.export.vector import export_polygons

TRUTH = {"CRS": 3035, "transform": (10.0, 0.0, 0.0, 0.0, -10.0, 0.0), "no data": 0, "classes": {0, 10, 30, 80}}


def read_gdal(files):
    with rasterio.open(files["cog"]) as file:
        return file.crs.to_epsg(), tuple(file.transform)[:6], file.nodata, set(np.unique(file.read(1)).tolist())


def read_rioxarray(files):
    with rioxarray.open_rasterio(files["cog"]) as array:
        rio = array.rio
        return rio.crs.to_epsg(), tuple(rio.transform())[:6], rio.nodata, set(np.unique(array.values).tolist())


def read_engine(files):
    with xr.open_dataset(files["cube"], engine="idgbr") as dataset:
        array = dataset.landcover[0]
        rio = array.rio
        return rio.crs.to_epsg(), tuple(rio.transform())[:6], rio.nodata, set(np.unique(array.values).tolist())


def read_odc(files):
    with xr.open_dataset(files["cube"], engine="idgbr") as dataset:
        array = dataset.landcover[0]
        box = array.odc.geobox
        return box.crs.epsg, tuple(box.transform)[:6], array.odc.nodata, set(np.unique(array.values).tolist())


def read_xarray(files):
    with xr.open_zarr(files["zarr"], group="0", decode_coords="all", mask_and_scale=False) as dataset:
        array = dataset.landcover[0]
        rio = array.rio
        return rio.crs.to_epsg(), tuple(rio.transform())[:6], rio.nodata, set(np.unique(array.values).tolist())


def read_zarr(files):
    array = zarr.open_group(files["zarr"], mode="r")["0/landcover"]
    attributes = dict(array.attrs)
    code = int(attributes["proj:code"].rpartition(":")[2])
    codes = set(np.unique(array[...]).tolist())
    return code, tuple(attributes["spatial:transform"])[:6], attributes["_FillValue"], codes


def read_geopandas(files):
    frame = geopandas.read_parquet(files["parquet"])
    return frame.crs.to_epsg(), None, None, {0, *frame["code"].tolist()}


TOOLS = {
    f"GDAL {rasterio.__gdal_version__} (rasterio), GeoTIFF": ("rasterio", read_gdal),
    "rioxarray, GeoTIFF": ("rioxarray", read_rioxarray),
    "xarray engine idgbr + rioxarray, cube": ("xarray", read_engine),
    "xarray engine idgbr + odc-geo, cube": ("odc-geo", read_odc),
    "xarray.open_zarr + rioxarray, plain Zarr": ("xarray", read_xarray),
    "zarr, plain Zarr": ("zarr", read_zarr),
    "geopandas, GeoParquet": ("geopandas", read_geopandas),
}


def main():
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cube = Cube.create(folder / "cube")
        publish(cube, patches())
        files = {"cube": folder / "cube", "cog": export_cog(cube, folder / "map.tif").path}
        files["zarr"] = export_zarr(cube, folder / "map.zarr").path
        files["parquet"] = export_polygons(cube, folder / "map.parquet").path
        print("| tool | version | " + " | ".join(TRUTH) + " |")
        print("|---|---|" + "---|" * len(TRUTH))
        for tool, (package, read) in TOOLS.items():
            try:
                found = read(files)
                cells = [
                    "-" if value is None else "right" if value == true else f"WRONG: {value}"
                    for value, true in zip(found, TRUTH.values(), strict=True)
                ]
            except Exception as error:  # noqa: BLE001 what a tool cannot read is a row too
                cells = [f"cannot: {error!s:.60}", *[""] * (len(TRUTH) - 1)]
            print(f"| {tool} | {version(package)} | " + " | ".join(cells) + " |")
        sound, errors, notes = cog_validate(files["cog"], strict=True)
        print(f"rio-cogeo {version('rio-cogeo')}, strict: {'valid' if sound else errors + notes}")


if __name__ == "__main__":
    main()
