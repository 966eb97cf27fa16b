"""Write one tile of one pass: a folder of images and its STAC item."""

import json
from pathlib import Path

from rasterio.enums import Resampling

from catalogs.simulated.cog import write_cog
from catalogs.simulated.items import COLLECTION, item, item_id
from catalogs.simulated.noise import Bounds
from catalogs.simulated.scenes import SCL_METRES, Conditions, Exposure, expose
from catalogs.simulated.spectra import BANDS
from catalogs.simulated.tiles import PIXEL_METRES, Tile
from catalogs.simulated.view import View


def observe(folder: Path, seed: int, view: View, conditions: Conditions, bounds: Bounds) -> str | None:
    """Write B02, B03, B04, B08 (10 m), SCL (20 m) and the item below `folder`; returns the item's id.

    Writes nothing and returns None where the swath misses the tile.
    """
    exposure = expose(seed, view, conditions, bounds)
    if not exposure.scl_HW.any():
        return None
    name = item_id(conditions.overpass, view.tile)
    path = folder / COLLECTION / name
    path.mkdir(parents=True, exist_ok=True)
    _write_images(path, view.tile, exposure)
    text = json.dumps(item(conditions.overpass, view.tile, exposure, bounds), indent=2)
    (path / f"{name}.json").write_text(text)
    return name


def _write_images(folder: Path, tile: Tile, exposure: Exposure) -> None:
    crs = f"EPSG:{tile.epsg}"
    for band, number_HW in zip(BANDS, exposure.number_BHW, strict=True):
        write_cog(folder / f"{band}.tif", number_HW, crs, tile.transform(PIXEL_METRES), Resampling.average)
    write_cog(folder / "SCL.tif", exposure.scl_HW, crs, tile.transform(SCL_METRES), Resampling.nearest)
