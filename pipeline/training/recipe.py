"""A recipe file: what to train, on which labelled areas; and these areas as arrays."""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

import catalogs
from pipeline.training import dataset, areas
from pipeline.config.region import digest
from pipeline.config.region import load as load_region
from pipeline.errors import UserError
from pipeline.config.yaml_file import Frozen, checked, read

PATHS = ("model", "data", "region", "path", "backbone", "stable_diffusion")

Pair = tuple[np.ndarray, np.ndarray]
Report = Callable[[int, int, str], None]


class Simulated(Frozen):
    """Simulated worlds, one a seed."""

    kind: Literal["simulated"]
    seeds: list[int] = Field(min_length=1)
    kilometres: float = Field(default=8, gt=0)


class ClassRow(Frozen):
    code: int = Field(ge=0, le=255)
    name: str
    color: str = Field(pattern="^#[0-9a-fA-F]{6}$")


class MapClassRow(ClassRow):
    code: int = Field(ge=1, le=255)


class SceneClasses(Frozen):
    """A part of a region of real scenes, labelled by their own scene classification where it is clear."""

    kind: Literal["scene-classes"]
    region: Path
    bounds: tuple[float, float, float, float]
    classes: list[MapClassRow] = Field(min_length=2)


class Folder(Frozen):
    """An existing data set folder.

    only: patterns of the stems to use. place: a regular expression; images whose stems begin with the same match of it
    show one place, and each image is a place of its own where there is none. classes, bands: where the folder has no
    classes.json. ignore: label values without meaning. grey: where labels are grey pictures of two classes, the value
    above which a pixel is of the second. blank: the raw number that, in all bands, means no data; null for photos,
    which have none.
    """

    kind: Literal["folder"]
    path: Path
    only: list[str] = Field(default=["*"], min_length=1)
    place: str | None = None
    classes: list[ClassRow] | None = Field(default=None, min_length=2)
    bands: list[str] | None = Field(default=None, min_length=1)
    ignore: list[int] = Field(default_factory=list)
    grey: int | None = None
    blank: float | None = 0.0


Areas = Annotated[Simulated | SceneClasses | Folder, Field(discriminator="kind")]


class Recipe(Frozen):
    """One training of one network: the coarse network makes the folder `model`, the refiner completes it.

    Labelled areas are kept in `data`. `check` are areas of other places, on which the model card's scores are taken.
    network: of `idgbr.coarse`, for the coarse network alone; preset: of the refiner alone (`idgbr.presets`), or
    stable_diffusion: a local folder of Stable Diffusion 1.5 to make it of; sizes: of either network; backbone: local
    weights of the coarse network's encoder. folds: of the refiner alone, where it learns from areas that the coarse
    network has learned from too: their coarse masks then come from so many further coarse networks, each trained like
    it but without one part of the places. precision: of the forward pass. device: a GPU where there is one, if not
    named. workers: processes that train together, each with a GPU or a CPU and `batch` crops a step; address: of their
    Ray.
    """

    model: Path
    data: Path
    areas: Areas
    check: Areas
    title: str
    licence: str
    steps: int = Field(ge=1)
    crop: int = Field(default=160, multiple_of=16, ge=32)
    batch: int = Field(default=8, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    seed: int = 0
    network: str | None = None
    preset: Literal["tiny", "base"] | None = None
    stable_diffusion: Path | None = None
    sizes: dict[str, Any] = Field(default_factory=dict)
    backbone: Path | None = None
    folds: int | None = Field(default=None, ge=2)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: Literal["cpu", "cuda"] | None = None
    workers: int = Field(default=1, ge=1)
    address: str = "local"


@dataclass(frozen=True)
class Meaning:
    """What images and labels of an area mean; see `idgbr.settings`."""

    classes: tuple[dict[str, Any], ...]
    bands: tuple[str, ...]
    no_label: int = 0
    blank: float | None = 0.0
    grey: int | None = None


def load(path: Path) -> Recipe:
    """Reads a recipe; its paths count from its folder. Raises UserError with one sentence for anything wrong in it."""
    raw = read(path)
    folder = path.resolve().parent
    for holder in (raw, raw.get("areas"), raw.get("check")):
        if isinstance(holder, dict):
            holder |= {key: folder / holder[key] for key in PATHS if isinstance(holder.get(key), str)}
    return checked(Recipe, raw, path)


def prepared(areas: Areas, data: Path, report: Report, meaning: Meaning | None = None) -> tuple[list[Pair], Meaning]:
    """The labelled areas, made where they are not kept in `data` yet, and what they mean: what is given, else what
    they say. Raises UserError."""
    if isinstance(areas, Folder):
        return _folder(areas, meaning)
    stems = list(_make(areas, data, report))
    pairs, about = areas.read_folder(data)
    return [pairs[stem] for stem in stems], Meaning(tuple(about["classes"]), tuple(about["bands"]))


def _folder(areas: Folder, meaning: Meaning | None) -> tuple[list[Pair], Meaning]:
    if meaning is None:
        about: dict[str, Any] = dataset.about(areas.path) or {}
        named = [row.model_dump() for row in areas.classes or []]
        classes, bands = tuple(named or about.get("classes", ())), tuple(areas.bands or about.get("bands", ()))
        if not classes or not bands:
            raise UserError(f"{areas.path} has no classes.json; name 'classes' and 'bands' of the folder in the recipe")
        free = 0 if all(row["code"] for row in classes) else 255
        meaning = Meaning(classes, bands, areas.ignore[0] if areas.ignore else free, areas.blank, areas.grey)
    files = dataset.pairs(areas.path)
    stems = _chosen(areas, files)
    codes = tuple(row["code"] for row in meaning.classes)
    values = dataset.LabelValues(codes, meaning.no_label, tuple(areas.ignore), meaning.grey)
    return [dataset.read_pair(*files[stem], values) for stem in stems], meaning


def places(areas: Areas) -> list[str]:
    """The place that each pair of `prepared` shows. Raises UserError."""
    if isinstance(areas, Simulated):
        return [str(seed) for seed in areas.seeds]
    if isinstance(areas, SceneClasses):
        return [str(areas.bounds)]
    stems = _chosen(areas, dataset.pairs(areas.path))
    if areas.place is None:
        return stems
    try:
        matches = {stem: re.match(areas.place, stem) for stem in stems}
    except re.error as error:
        raise UserError(f"place is {areas.place!r}, which is no regular expression ({error}); mend it") from None
    found = [match.group() for match in matches.values() if match]
    if len(found) < len(stems):
        other = next(stem for stem, match in matches.items() if not match)
        raise UserError(f"place is {areas.place!r}, which the stem {other} does not begin with; mend it")
    return found


def _chosen(areas: Folder, stems: Iterable[str]) -> list[str]:
    chosen = [stem for stem in stems if any(fnmatch(stem, pattern) for pattern in areas.only)]
    if not chosen:
        raise UserError(f"{areas.path} has no image whose stem fits 'only': {', '.join(areas.only)}")
    return chosen


def _make(areas: Simulated | SceneClasses, data: Path, report: Report) -> Iterator[str]:
    if isinstance(areas, SceneClasses):
        region = load_region(areas.region, with_model=False)
        asked = region.model_dump(mode="json", include={"catalog", "collection", "period", "grid", "max_cloud"})
        stem = f"scenes-{digest([asked, areas.bounds, [row.code for row in areas.classes]])[:16]}"
        if not (data / "images" / f"{stem}.tif").is_file():
            area = areas.from_scenes(region, areas.bounds, [row.code for row in areas.classes])
            areas.write(data, stem, area, [row.model_dump() for row in areas.classes], catalogs.ROLES)
        yield stem
        return
    from catalogs.simulated import WORLDCOVER

    for done, seed in enumerate(areas.seeds, 1):
        stem = f"world-{seed}-{areas.kilometres:g}km"
        if not (data / "images" / f"{stem}.tif").is_file():
            with tempfile.TemporaryDirectory() as world:
                area = areas.simulated(Path(world), seed, areas.kilometres)
            areas.write(data, stem, area, [dict(row) for row in WORLDCOVER], catalogs.ROLES)
        report(done, len(areas.seeds), f"area {stem}")
        yield stem
