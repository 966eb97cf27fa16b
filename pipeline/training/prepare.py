"""Labelled data made ready from a recipe."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import catalogs
from pipeline.config.region import load as load_region
from pipeline.errors import UserError
from pipeline.fingerprint import json_digest
from pipeline.training import areas as labelled
from pipeline.training import dataset
from pipeline.training.recipe import Areas, Folder, Pair, Report, SceneClasses, Simulated


@dataclass(frozen=True)
class Meaning:
    """What images and labels of an area mean; see `idgbr.settings`."""

    classes: tuple[dict[str, Any], ...]
    bands: tuple[str, ...]
    no_label: int = 0
    blank: float | None = 0.0
    grey: int | None = None


def prepared(areas: Areas, data: Path, report: Report, meaning: Meaning | None = None) -> tuple[list[Pair], Meaning]:
    """The labelled areas, made where they are not kept in `data` yet, and what they mean: what is given, else what
    they say. Raises UserError."""
    if isinstance(areas, Folder):
        return _folder(areas, meaning)
    stems = list(_make(areas, data, report))
    pairs, about = labelled.read_folder(data)
    return [pairs[stem] for stem in stems], Meaning(tuple(about["classes"]), tuple(about["bands"]))


def _folder(areas: Folder, meaning: Meaning | None) -> tuple[list[Pair], Meaning]:
    if meaning is None:
        about: dict[str, Any] = dataset.about(areas.path) or {}
        named = [row.model_dump() for row in areas.classes or []]
        classes, bands = tuple(named or about.get("classes", ())), tuple(areas.bands or about.get("bands", ()))
        if not classes or not bands:
            raise UserError(f"{areas.path} has no classes.json; name 'classes' and 'bands' of the folder in the recipe")
        free = 0 if all(row["code"] for row in classes) else 255
        meaning = Meaning(classes, bands, areas.ignore[0] if areas.ignore else free, areas.nodata, areas.mask_threshold)
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
        return [str(areas.bbox)]
    stems = _chosen(areas, dataset.pairs(areas.path))
    if areas.group is None:
        return stems
    try:
        matches = {stem: re.match(areas.group, stem) for stem in stems}
    except re.error as error:
        raise UserError(f"group is {areas.group!r}, which is no regular expression ({error}); mend it") from None
    found = [match.group() for match in matches.values() if match]
    if len(found) < len(stems):
        other = next(stem for stem, match in matches.items() if not match)
        raise UserError(f"group is {areas.group!r}, which the stem {other} does not begin with; mend it")
    return found


def _chosen(areas: Folder, stems: Iterable[str]) -> list[str]:
    chosen = [stem for stem in stems if any(fnmatch(stem, pattern) for pattern in areas.include)]
    if not chosen:
        raise UserError(f"{areas.path} has no image whose stem fits 'include': {', '.join(areas.include)}")
    return chosen


def _make(areas: Simulated | SceneClasses, data: Path, report: Report) -> Iterator[str]:
    if isinstance(areas, SceneClasses):
        region = load_region(areas.region, with_model=False)
        asked = region.model_dump(mode="json", include={"catalog", "collection", "period", "grid", "max_cloud"})
        stem = f"scenes-{json_digest([asked, areas.bbox, [row.code for row in areas.classes]])[:16]}"
        if not (data / "images" / f"{stem}.tif").is_file():
            area = labelled.from_scenes(region, areas.bbox, [row.code for row in areas.classes])
            labelled.write(data, stem, area, [row.model_dump() for row in areas.classes], catalogs.ROLES)
        yield stem
        return
    from catalogs.simulated import WORLDCOVER

    for done, seed in enumerate(areas.seeds, 1):
        stem = f"world-{seed}-{areas.kilometres:g}km"
        if not (data / "images" / f"{stem}.tif").is_file():
            with tempfile.TemporaryDirectory() as world:
                area = labelled.simulated(Path(world), seed, areas.kilometres)
            labelled.write(data, stem, area, [dict(row) for row in WORLDCOVER], catalogs.ROLES)
        report(done, len(areas.seeds), f"area {stem}")
        yield stem
