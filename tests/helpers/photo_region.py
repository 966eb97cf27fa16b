"""Photographs with labels laid side by side on a grid: COG tiles of 8 bits under a STAC catalog, labels as polygons, a
region file that describes the collection, and recipes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import shapely
import yaml
from pyproj import Transformer
from rasterio.features import shapes
from rasterio.transform import from_origin

from idgbr.metrics import EvaluationScores
from idgbr.metrics.evaluation import Evaluation
from pipeline import load, open_cube
from pipeline.geometry.grid import Window
from pipeline.training.areas import write_raster
from pipeline.training.evaluate import EvaluationReport, evaluate, open_model_and_images

COLLECTION = "photographs"
CRS, LEFT, TOP, METRES = "EPSG:32640", 330_000.0, 2_780_000.0, 0.5
"""UTM 40 N, near Dubai: on whole pixels of the grid."""
ROLES = ("red", "green", "blue", "nir")
PROVIDER = {
    "scale": 1,
    "offset": 0,
    "nodata": "none",
    "mask": "none",
    "passes": "item",
    "unit": {"name": "grey value", "scale": 1, "offset": -1},
}
"""Grey values from 0 to 255 are stored as 1 to 256."""


@dataclass(frozen=True)
class Photo:
    """image_BHW: red, green, blue, and nir where there are four, of 8 bits. label_HW: class codes from 1, 0 for none.
    fold: of the labels' split."""

    name: str
    image_BHW: np.ndarray
    label_HW: np.ndarray
    fold: str = "training"
    day: str = "2020-06-01"


@dataclass(frozen=True)
class PhotoRegion:
    """The files of a region of photographs: `region.yaml`, and `labels.gpkg` with the columns class and fold."""

    folder: Path
    corners: Mapping[str, tuple[int, int]]
    """Row and column of each photograph's first pixel from LEFT, TOP."""

    @property
    def file(self) -> Path:
        return self.folder / "region.yaml"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.gpkg"


def lay_out(
    folder: Path,
    photos: Sequence[Photo],
    classes: Sequence[Mapping[str, Any]],
    across: int,
    stacked: bool = False,
    **changes: object,
) -> PhotoRegion:
    """Writes the photographs into cells of a raster of `across` columns, or all into one; `changes`: keys of the region
    file."""
    side_yx = np.max([photo.label_HW.shape for photo in photos], axis=0)
    corners = {
        photo.name: tuple(map(int, side_yx * divmod(0 if stacked else at, across))) for at, photo in enumerate(photos)
    }
    items = [_write(folder / "catalog", photo, corners[photo.name]) for photo in photos]
    _write_catalog(folder / "catalog", [item["id"] for item in items])
    names = {row["code"]: row["name"] for row in classes}
    rows = [
        {"class": names[int(code)], "fold": photo.fold, "geometry": shapely.geometry.shape(shape)}
        for photo in photos
        for shape, code in shapes(photo.label_HW, photo.label_HW > 0, transform=_transform(corners[photo.name], METRES))
    ]
    geopandas.GeoDataFrame(rows, crs=CRS).to_file(folder / "labels.gpkg")
    bands = {role: {"asset": "image", "band": at} for at, role in enumerate(ROLES[: len(photos[0].image_BHW)], 1)}
    bounds = np.array([item["bbox"] for item in items])
    content = {
        "name": "photographs",
        "cube": "cube",
        "catalog": "catalog/catalog.json",
        "collection": COLLECTION,
        "bbox": [*bounds[:, :2].min(0).tolist(), *bounds[:, 2:].max(0).tolist()],
        "period": ["2020-01-01", "2020-12-31"],
        "grid": {"crs": CRS, "resolution": METRES, "block": 512},
        "mosaic": {"method": "newest", "resampling": "nearest"},
        "provider": {"bands": bands, **PROVIDER},
        "model": "model",
    }
    (folder / "region.yaml").write_text(yaml.safe_dump(content | changes, sort_keys=False))
    return PhotoRegion(folder, corners)


def write_recipe(region: PhotoRegion, name: str, classes: Sequence[Mapping[str, Any]], **settings: object) -> Path:
    """A recipe that learns from the region's polygons, and keeps those of the fold `validation` out."""
    areas = {
        "kind": "vector",
        "region": "region.yaml",
        "path": "labels.gpkg",
        "column": "class",
        "classes": [dict(row) for row in classes],
    }
    content = {
        "title": "land cover of photographs",
        "license": "other",
        "model": "model",
        "data": "labelled",
        "areas": areas,
        "split": {"by": "column", "column": "fold", "validation": ["validation"]},
    }
    path = region.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content | settings, sort_keys=False))
    return path


def _transform(corner: tuple[int, int], metres: float) -> rasterio.Affine:
    return from_origin(LEFT + corner[1] * metres, TOP - corner[0] * metres, metres, metres)


def _write(folder: Path, photo: Photo, corner: tuple[int, int]) -> dict[str, Any]:
    home = folder / photo.name
    home.mkdir(parents=True)
    bands, height, width = photo.image_BHW.shape
    profile = {"driver": "COG", "height": height, "width": width, "count": bands, "dtype": "uint8", "crs": CRS}
    transform = _transform(corner, METRES)
    with rasterio.open(home / "image.tif", "w", transform=transform, compress="deflate", **profile) as target:
        target.write(photo.image_BHW)
        bounds = target.bounds
    to_lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    edge = shapely.segmentize(shapely.box(*bounds), 50)
    outline = shapely.transform(edge, lambda xy: np.stack(to_lonlat.transform(*xy.T), 1))
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": photo.name,
        "collection": COLLECTION,
        "bbox": list(outline.bounds),
        "geometry": shapely.geometry.mapping(outline),
        "properties": {"datetime": f"{photo.day}T08:00:00Z", "proj:code": CRS, "gsd": METRES},
        "links": [],
        "assets": {"image": {"href": "./image.tif", "type": "image/tiff; application=geotiff"}},
    }
    (home / "item.json").write_text(json.dumps(item))
    return item


def _write_catalog(folder: Path, names: Sequence[str]) -> None:
    about = {"stac_version": "1.0.0", "description": "photographs", "license": "other"}
    collection = about | {
        "type": "Collection",
        "id": COLLECTION,
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": [{"rel": "item", "href": f"./{name}/item.json"} for name in names],
    }
    (folder / "collection.json").write_text(json.dumps(collection))
    child = {"rel": "child", "href": "./collection.json"}
    (folder / "catalog.json").write_text(json.dumps(about | {"type": "Catalog", "id": "root", "links": [child]}))


def labels_in(window: Window, region: PhotoRegion, photos: Sequence[Photo]) -> np.ndarray:
    """The labels of photographs that do not overlap, uint8 HW of a window of the region's grid."""
    label_HW = np.zeros(window.shape, np.uint8)
    for photo in photos:
        row, col = region.corners[photo.name]
        y, x = row - round(TOP / METRES) - window.y0, col + round(LEFT / METRES) - window.x0
        height, width = photo.label_HW.shape
        label_HW[y : y + height, x : x + width] = photo.label_HW
    return label_HW


def score_map_and_model(
    region: PhotoRegion, photos: Sequence[Photo], kept: Sequence[str] = ("training", "validation")
) -> tuple[EvaluationScores, EvaluationReport]:
    """The published map against the labels of the folds `kept`, and what `idgbr evaluate` tells of the model on the
    same pixels: the cube's mosaic as one georeferenced image."""
    settings = load(region.file)
    window, grid = settings.extent.window, settings.extent.grid
    cube = open_cube(settings.cube).isel(time=0)
    label_HW = labels_in(window, region, [photo for photo in photos if photo.fold in kept])
    data = region.folder / f"evaluated-{'-'.join(kept)}"
    write_raster(data / "images" / "all.tif", cube.mosaic.values, grid, window, nodata=0)
    write_raster(data / "labels" / "all.tif", label_HW[None], grid, window, nodata=0)
    model, images = open_model_and_images(settings.model, data)
    report = evaluate(model, images, lambda *done: None)
    landcover_HW = cube.landcover.values if model.refiner else None
    codes, names = model.settings.codes, [row["name"] for row in model.settings.classes]
    return Evaluation.of(label_HW, cube.coarse.values, landcover_HW, codes).scores(names), report


def differences(one: EvaluationScores, other: EvaluationScores) -> dict[str, float]:
    """By how much each score of labels differs, by kind of map and name; scores of probabilities are left out."""
    found = {}
    for kind, scores in one.maps().items():
        for name, value in asdict(scores).items():
            against = getattr(other.maps()[kind], name)
            if isinstance(value, float) and against is not None:
                found[f"{kind} {name}"] = abs(value - against)
    return found
