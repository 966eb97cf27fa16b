"""A region file and two recipes for a box, a period and a catalog, and what they will cost."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

import catalogs
from catalogs.area import Bounds
from catalogs.errors import CatalogError, NoItems
from catalogs.items.providers import PROVIDERS
from catalogs.items.recognise import provider_of
from catalogs.sample import first_items
from catalogs.secrets import redact
from pipeline.config.region_file import load as load_region
from pipeline.errors import UserError
from pipeline.geometry.grid import projected_crs
from pipeline.geometry.utm import utm_of
from pipeline.planning.describe import PlanDescription, describe
from pipeline.planning.plan import plan
from pipeline.planning.totals import Count
from pipeline.scenes.draft import draft_provider
from pipeline.training.area_kinds import LabelledRegion, each
from pipeline.training.label_draft import draft_labels
from pipeline.training.model_recipes import COARSE, REFINER
from pipeline.training.recipe import load as load_recipe
from pipeline.training.region_areas import open_labels

REGION = "region.yaml"
KNOWN = tuple(
    dict.fromkeys(name for row in PROVIDERS if set(catalogs.ROLES) <= row.bands.keys() for name in row.collections)
)
"""Collections that a shipped row reads with all bands that a model learns from, in the order of trial."""
LARGEST_SQUARE, SQUARES = 5000.0, 6
"""Squares that are kept out of training: metres of a side, or that part of the box's shorter side."""
SMALLEST = 96
"""Pixels of a box's shorter side that two networks can learn from."""


@dataclass(frozen=True)
class Wish:
    """What to map, from what. labels: see `draft_labels`. crs and resolution (metres) of the grid, collection: chosen
    where None. steps: of each recipe."""

    bbox: Bounds
    period: tuple[date, date]
    catalog: str
    labels: str
    collection: str | None = None
    labels_catalog: str | None = None
    column: str | None = None
    crs: str | None = None
    resolution: float | None = None
    steps: int = 2000


@dataclass(frozen=True)
class Draft:
    """A region file and two recipes that were written.

    commands: what makes the map of them, in order. collection: of the scenes. crs, resolution (metres): of the grid.
    pixels: of the region. classes: of the labels. notes: sentences about choices made. plan: what a mosaic of the
    region costs.
    """

    files: list[Path]
    commands: list[str]
    collection: str
    crs: str
    resolution: float
    pixels: int
    classes: list[str]
    notes: list[str]
    plan: PlanDescription


def draft(wish: Wish, folder: Path, name: str, count: Count | None = None) -> Draft:
    """Writes the files into a folder, once they have been loaded and planned as the verbs will. name: of the region.

    Raises UserError, CatalogError and CatalogUnavailable, also where no known collection has scenes of the box, and
    where a file is there already.
    """
    for file in (REGION, COARSE, REFINER):
        if (folder / file).exists():
            raise UserError(f"{folder / file} is there already, and is not overwritten; name another folder")
    notes: list[str] = []
    crs = _crs(wish, notes)
    labels = draft_labels(wish.labels, wish.catalog, wish.labels_catalog, wish.column)
    reasons = []
    for collection in (wish.collection,) if wish.collection else KNOWN:
        try:
            items = first_items(wish.catalog, collection)
        except NoItems:
            if wish.collection:
                raise
            continue
        region, own_notes = _region(wish, name, collection, items, crs)
        try:
            return _written(wish, folder, region, labels, [*notes, *own_notes], count)
        except _NoScenes as error:
            if wish.collection:
                raise UserError(str(error)) from None
            reasons.append(str(error))
    raise UserError(
        reasons[0]
        if reasons
        else f"{redact(wish.catalog)} has none of the collections {', '.join(KNOWN)}; name one by --collection"
    )


class _NoScenes(Exception):
    pass


def _crs(wish: Wish, notes: list[str]) -> str:
    if wish.crs is not None:
        try:
            return projected_crs(wish.crs)
        except UserError as error:
            raise UserError(f"--crs is {wish.crs!r:.80}: {error}") from None
    crs, zones = utm_of(wish.bbox)
    if len(zones) > 1:
        notes.append(
            f"the box lies in the UTM zones {', '.join(map(str, zones))}; the grid is that of its centre, zone "
            f"{int(crs[-2:])}; --crs names another"
        )
    return crs


def _region(
    wish: Wish, name: str, collection: str, items: list[dict[str, Any]], crs: str
) -> tuple[dict[str, Any], list[str]]:
    """The keys of the region file, and notes about its provider. Raises UserError and CatalogError."""
    try:
        row = provider_of(items[0])
        keys, own, notes = [row.bands[role].asset for role in catalogs.ROLES if role in row.bands], {}, []
    except CatalogError:
        provider = draft_provider(items)
        bands = [band if isinstance(band, str) else band["asset"] for band in provider.provider["bands"].values()]
        keys, own = bands, {"provider": provider.provider}
        notes = [f"not known of {collection}: {sentence}" for sentence in provider.unknown]
    resolution = wish.resolution or _metres(items[0], keys)
    if resolution is None:
        raise UserError(f"the items of {collection} do not tell the size of their pixels; give it by --resolution")
    catalog = wish.catalog if "://" in wish.catalog else str(Path(wish.catalog).resolve())
    content = {
        "name": name,
        "cube": "cube",
        "catalog": catalog,
        "collection": collection,
        "bbox": list(wish.bbox),
        "period": list(wish.period),
        "grid": {"crs": crs, "resolution": resolution},
        **own,
        "model": "model",
    }
    return content, notes


def _metres(item: Mapping[str, Any], keys: Iterable[str]) -> float | None:
    """The smallest pixel of the assets `keys`, by `raster:bands`, transform or `gsd`; None: not told."""
    sizes = [_size(item["assets"].get(key), item["properties"]) for key in keys]
    told = [size for size in sizes if size]
    return float(f"{min(told):.6g}") if told else None


def _size(asset: Any, properties: Mapping[str, Any]) -> float | None:
    if not isinstance(asset, Mapping):
        return None
    bands = asset.get("raster:bands") or asset.get("bands") or [{}]
    transform = asset.get("proj:transform") or properties.get("proj:transform")
    across = transform[0] if isinstance(transform, list) and transform else None
    first = bands[0] if isinstance(bands, list) and isinstance(bands[0], Mapping) else {}
    spatial = first.get("spatial_resolution", first.get("raster:spatial_resolution"))
    for value in (spatial, across, asset.get("gsd"), properties.get("gsd")):
        if isinstance(value, int | float) and abs(value) >= 0.1:
            return float(abs(value))
    return None


def _written(
    wish: Wish, folder: Path, content: dict[str, Any], labels: dict[str, Any], notes: list[str], count: Count | None
) -> Draft:
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch)
        (trial / REGION).write_text(_yaml(content, notes))
        region = load_region(trial / REGION, with_model=False)
        files = {REGION: _yaml(content, notes)}
        height, width = region.extent.window.shape
        if min(height, width) < SMALLEST:
            raise UserError(
                f"the box has {width:,} x {height:,} pixels of {region.grid.resolution:g} m, too few to learn from; "
                f"give one of at least {SMALLEST} a side, or a finer --resolution"
            )
        square = min(LARGEST_SQUARE, float(f"{min(height, width) * region.grid.resolution / SQUARES:.2g}"))
        try:
            planned = plan(region.model_copy(update={"model": None}), dry=True, count=count)
        except UserError as error:
            raise _NoScenes(str(error)) from None
        for file, half in zip((COARSE, REFINER), _halves(wish.bbox), strict=True):
            recipe = {
                "title": f"{content['collection']} with the classes of {Path(wish.labels).name}",
                "license": "other",
                "model": "model",
                "data": "labelled",
                "areas": {**labels, "region": REGION, "bbox": list(half)},
                "split": {"by": "blocks", "size": square, "share": 0.25},
                "steps": wish.steps,
            }
            files[file] = _yaml(recipe, [])
            (trial / file).write_text(files[file])
        (areas,) = each(load_recipe(trial / COARSE).areas)
        assert isinstance(areas, LabelledRegion), "written above"
        classes = [row["name"] for row in open_labels(areas, region).classes]
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        with (folder / file).open("x") as target:
            target.write(text)
    return Draft(
        files=[folder / file for file in files],
        commands=[f"idgbr train model {folder}", f"idgbr run {folder / REGION}"],
        collection=content["collection"],
        crs=region.grid.crs,
        resolution=region.grid.resolution,
        pixels=height * width,
        classes=classes,
        notes=notes,
        plan=describe(planned),
    )


def _halves(bbox: Bounds) -> tuple[Bounds, Bounds]:
    """Its west, for the coarse network, and its east, for the refiner, whose coarse network has not seen it."""
    west, south, east, north = bbox
    middle = round((west + (east - west) % 360 / 2 + 180) % 360 - 180, 6)
    return (west, south, middle, north), (middle, south, east, north)


def _yaml(content: Mapping[str, Any], notes: Iterable[str]) -> str:
    text = yaml.safe_dump(dict(content), sort_keys=False, default_flow_style=None, width=120)
    return "".join(f"# {note}\n" for note in notes) + text
