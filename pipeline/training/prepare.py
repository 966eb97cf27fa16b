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
from pipeline.config.region_file import load as load_region
from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.training import areas as labelled
from pipeline.training import dataset
from pipeline.training.area_kinds import Area, Areas, Folder, SceneClasses, Simulated, VectorLabels, each
from pipeline.training.image_file import read_place
from pipeline.training.labels import LabelValues
from pipeline.training.pair import Pair, read_pairs
from pipeline.training.recipe import Recipe, Report
from pipeline.training.region_areas import make_region_areas
from pipeline.training.split import split_pairs


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


@dataclass(frozen=True)
class TrainingAreas:
    """Pairs to train on, the group (place) of each, pairs kept out of training, and what all of them mean."""

    pairs: list[Pair]
    groups: list[str]
    validation: list[Pair]
    spec: DatasetSpec


def load_training(recipe: Recipe, report: Report, spec: DatasetSpec | None = None) -> TrainingAreas:
    """The areas of a recipe, those without any label left out. See `load_areas`; raises UserError."""
    split, data = recipe.split, recipe.data
    if recipe.validation is not None:
        pairs, spec = load_areas(recipe.areas, data, report, spec)
        validation, _ = load_areas(recipe.validation, data, report, spec)
        return TrainingAreas(pairs, groups(recipe.areas, data, report), validation, spec)
    assert split is not None, "checked: one of both is given"
    if split.by == "column":
        columns = [_column_stems(area, recipe, report) for area in each(recipe.areas)]
        stems, kept_out = ([stem for parts in columns for stem in parts[part]] for part in (0, 1))
        pairs, spec = _load_made(stems, data)
        return TrainingAreas(pairs, stems, _load_made(kept_out, data)[0], spec)
    pairs, spec = load_areas(recipe.areas, data, report, spec)
    names = groups(recipe.areas, data, report)
    places = [read_place(file) for area in each(recipe.areas) for file in _images(area, data, report)]
    training_pairs, validation = split_pairs(pairs, places, split, spec.no_label)
    labelled_at = [at for at, (_, label_HW) in enumerate(training_pairs) if (label_HW != spec.no_label).any()]
    return TrainingAreas(
        [training_pairs[at] for at in labelled_at],
        [names[at] for at in labelled_at],
        [pair for pair in validation if (pair[1] != spec.no_label).any()],
        spec,
    )


def load_areas(
    areas: Areas, data: Path, report: Report, spec: DatasetSpec | None = None
) -> tuple[list[Pair], DatasetSpec]:
    """The labelled areas, made first where `data` lacks them, and what they mean: `spec`, else what they say.

    Raises UserError, also where several areas do not mean the same."""
    pairs: list[Pair] = []
    for area in each(areas):
        if isinstance(area, Folder):
            own, meant = _load_folder(area, spec)
        else:
            own, meant = _load_made(list(_make_areas(area, data, report)), data)
        if pairs and meant != spec:
            raise UserError(
                f"the areas of kind {area.kind} have other classes or bands than those before; make them alike"
            )
        pairs, spec = pairs + own, meant
    assert spec is not None, "checked: there is one area at least"
    return pairs, spec


def _load_made(stems: list[str], data: Path) -> tuple[list[Pair], DatasetSpec]:
    pairs, metadata = labelled.read_folder(data, stems=stems)
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


def groups(areas: Areas, data: Path, report: Report) -> list[str]:
    """The group (place) of each pair of `load_areas`. Raises UserError."""
    return [name for area in each(areas) for name in _groups(area, data, report)]


def _groups(area: Area, data: Path, report: Report) -> list[str]:
    if isinstance(area, Simulated):
        return [str(seed) for seed in area.seeds]
    if isinstance(area, SceneClasses):
        return [str(area.bbox)]
    if not isinstance(area, Folder):
        return list(_make_areas(area, data, report))
    stems = _matching(area, dataset.pairs(area.path))
    if area.group is None:
        return stems
    try:
        matches = {stem: re.match(area.group, stem) for stem in stems}
    except re.error as error:
        raise UserError(f"group is {area.group!r}, which is no regular expression ({error}); mend it") from None
    starts = [match.group() for match in matches.values() if match]
    if len(starts) < len(stems):
        other = next(stem for stem, match in matches.items() if not match)
        raise UserError(f"group is {area.group!r}, which the stem {other} does not begin with; mend it")
    return starts


def _images(area: Area, data: Path, report: Report) -> list[Path]:
    """The image files of the pairs of `load_areas`."""
    if isinstance(area, Folder):
        files = dataset.pairs(area.path)
        return [files[stem][0] for stem in _matching(area, files)]
    return [data / "images" / f"{stem}.tif" for stem in _make_areas(area, data, report)]


def _column_stems(area: Area, recipe: Recipe, report: Report) -> tuple[list[str], list[str]]:
    """The stems of areas made of the features to train on, and of those kept out."""
    assert recipe.split is not None and recipe.split.column is not None and recipe.split.validation is not None
    if not isinstance(area, VectorLabels):
        raise UserError(
            f"the split is by the column {recipe.split.column!r}, which areas of kind {area.kind} do not have"
        )
    kept = recipe.split.column, tuple(recipe.split.validation)
    training, validation = (make_region_areas(area, recipe.data, report, (*kept, out)) for out in (False, True))
    return training, validation


def _matching(areas: Folder, stems: Iterable[str]) -> list[str]:
    matching = [stem for stem in stems if any(fnmatch(stem, pattern) for pattern in areas.include)]
    if not matching:
        raise UserError(f"{areas.path} has no image whose stem fits 'include': {', '.join(areas.include)}")
    return matching


def _make_areas(areas: Area, data: Path, report: Report) -> Iterator[str]:
    assert not isinstance(areas, Folder), "a folder is there already"
    if not isinstance(areas, Simulated | SceneClasses):
        yield from make_region_areas(areas, data, report)
        return
    if isinstance(areas, SceneClasses):
        region = load_region(areas.region, with_model=False)
        search = region.model_dump(mode="json", include=labelled.SEARCHED | region.queried)
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
