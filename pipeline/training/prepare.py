"""The labelled areas of a recipe as arrays."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import catalogs
from idgbr.classes import check_class_rows, check_codes
from idgbr.values import check_words
from pipeline.config.region import load as load_region
from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.training import areas as labelled
from pipeline.training import dataset
from pipeline.training.labels import LabelValues
from pipeline.training.pair import Pair, read_pairs
from pipeline.training.recipe import Areas, Folder, Report, SceneClasses, Simulated


@dataclass(frozen=True)
class DatasetSpec:
    """What images and labels of areas mean; see `idgbr.settings`."""

    classes: tuple[dict[str, Any], ...]
    bands: tuple[str, ...]
    no_label: int = 0
    blank: float | None = 0.0
    grey: int | None = None

    def __post_init__(self) -> None:
        check_class_rows(self.classes)
        check_codes(tuple(row["code"] for row in self.classes), self.no_label)
        check_words("bands", self.bands)


def load_areas(
    areas: Areas, data: Path, report: Report, spec: DatasetSpec | None = None
) -> tuple[list[Pair], DatasetSpec]:
    """The labelled areas, made first where `data` lacks them, and what they mean: `spec`, else what they say.

    Raises UserError."""
    if isinstance(areas, Folder):
        return _load_folder(areas, spec)
    stems = list(_make_areas(areas, data, report))
    pairs, metadata = labelled.read_folder(data)
    return [pairs[stem] for stem in stems], DatasetSpec(tuple(metadata["classes"]), tuple(metadata["bands"]))


def _load_folder(areas: Folder, spec: DatasetSpec | None) -> tuple[list[Pair], DatasetSpec]:
    if spec is None:
        metadata: dict[str, Any] = dataset.metadata(areas.path) or {}
        rows = [row.model_dump() for row in areas.classes or []]
        classes, bands = tuple(rows or metadata.get("classes", ())), tuple(areas.bands or metadata.get("bands", ()))
        if not classes or not bands:
            raise UserError(f"{areas.path} has no classes.json; name 'classes' and 'bands' of the folder in the recipe")
        fitting = [value for value in areas.ignore if 0 <= value <= 255]
        free = 0 if all(row["code"] for row in classes) else 255
        spec = DatasetSpec(classes, bands, next(iter(fitting), free), areas.nodata, areas.mask_threshold)
    files = dataset.pairs(areas.path)
    stems = _matching(areas, files)
    codes = tuple(row["code"] for row in spec.classes)
    values = LabelValues(codes, spec.no_label, tuple(areas.ignore), spec.grey)
    return read_pairs([files[stem] for stem in stems], values, spec.bands, spec.blank), spec


def groups(areas: Areas) -> list[str]:
    """The group (place) of each pair of `load_areas`. Raises UserError."""
    if isinstance(areas, Simulated):
        return [str(seed) for seed in areas.seeds]
    if isinstance(areas, SceneClasses):
        return [str(areas.bbox)]
    stems = _matching(areas, dataset.pairs(areas.path))
    if areas.group is None:
        return stems
    try:
        matches = {stem: re.match(areas.group, stem) for stem in stems}
    except re.error as error:
        raise UserError(f"group is {areas.group!r}, which is no regular expression ({error}); mend it") from None
    starts = [match.group() for match in matches.values() if match]
    if len(starts) < len(stems):
        other = next(stem for stem, match in matches.items() if not match)
        raise UserError(f"group is {areas.group!r}, which the stem {other} does not begin with; mend it")
    return starts


def _matching(areas: Folder, stems: Iterable[str]) -> list[str]:
    matching = [stem for stem in stems if any(fnmatch(stem, pattern) for pattern in areas.include)]
    if not matching:
        raise UserError(f"{areas.path} has no image whose stem fits 'include': {', '.join(areas.include)}")
    return matching


def _make_areas(areas: Simulated | SceneClasses, data: Path, report: Report) -> Iterator[str]:
    if isinstance(areas, SceneClasses):
        region = load_region(areas.region, with_model=False)
        search = region.model_dump(mode="json", include={"catalog", "collection", "period", "grid", "max_cloud"})
        stem = f"scenes-{json_digest([search, areas.bbox, [row.code for row in areas.classes]])[:16]}"
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
                area = labelled.from_simulation(Path(world), seed, areas.kilometres)
            labelled.write(data, stem, area, [dict(row) for row in WORLDCOVER], catalogs.ROLES)
        report(done, len(areas.seeds), f"area {stem}")
        yield stem
