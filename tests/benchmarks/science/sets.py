"""The labelled sets, split by place; read with Pillow, so a machine with nothing but torch and diffusers will do.

Simulated Sentinel-2 mosaics, which need no IDGBR_DATA, are made by the other parts of the project."""

import os
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from idgbr.labels import ClassRow

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]

NO_LABEL = 255
SIMULATED = "simulated_s2"
KILOMETRES = 5.0


@dataclass(frozen=True, kw_only=True)
class LabelledSet:
    """classes: their code is the value in label files, unless `grey`: values above it are class 1, others class 0.

    place_digits: where a stem names the place that it shows. test: places that are in no training. folds: parts of the
    others. ignored: label values without class, which become no_label. photo: numbers of the bands that a picture shows
    as red, green and blue, and the value that is brightest.
    """

    name: str
    classes: tuple[ClassRow, ...]
    place_digits: slice
    test: Container[int]
    folds: tuple[Container[int], ...]
    ignored: tuple[int, ...] = ()
    grey: int | None = None
    bands: tuple[str, ...] = ("red", "green", "blue")
    no_label: int = NO_LABEL
    photo: tuple[int, int, int] = (0, 1, 2)
    brightest: int = 255

    def place(self, stem: str) -> int:
        return int(stem[self.place_digits])

    def is_test(self, stem: str) -> bool:
        return self.place(stem) in self.test

    def fold(self, stem: str) -> int:
        """Which of the parts of the training places it belongs to."""
        return next(number for number, places in enumerate(self.folds) if self.place(stem) in places)


SETS = {
    each.name: each
    for each in (
        # Each tile is a fold: networks that lack more than one of five know too little, and their masks are worse than
        # those to be refined later.
        LabelledSet(
            name="dubai_aerial",
            classes=(
                {"code": 0, "name": "building", "color": "#d62728"},
                {"code": 1, "name": "land", "color": "#c8b560"},
                {"code": 2, "name": "road", "color": "#7f7f7f"},
                {"code": 3, "name": "vegetation", "color": "#2ca02c"},
                {"code": 4, "name": "water", "color": "#1f77b4"},
            ),
            place_digits=slice(4, 5),
            test=(5,),
            folds=((1,), (2,), (4,), (6,), (7,)),
            ignored=(5, 6),
        ),
        LabelledSet(
            name="cil_roads",
            classes=({"code": 0, "name": "other", "color": "#c8b560"}, {"code": 1, "name": "road", "color": "#7f7f7f"}),
            place_digits=slice(-3, None),
            test=range(0, 1000, 5),
            folds=tuple(range(first, 1000, 5) for first in (1, 2, 3, 4)),
            grey=127,
        ),
    )
}
TRAINED_WORLDS, TEST_WORLDS = (101, 102, 103, 104, 105, 106), (301, 302)


def labelled(name: str) -> LabelledSet:
    """One of SETS, or simulated Sentinel-2 mosaics, whose places are seeds of worlds."""
    if name != SIMULATED:
        return SETS[name]
    from catalogs import ROLES
    from catalogs.simulated import WORLDCOVER

    return LabelledSet(
        name=name,
        classes=tuple(WORLDCOVER),
        place_digits=slice(-3, None),
        test=TEST_WORLDS,
        folds=((101, 102), (103, 104), (105, 106)),
        bands=ROLES,
        no_label=0,
        photo=tuple(ROLES.index(role) for role in ("red", "green", "blue")),
        brightest=2500,
    )


@cache
def read(name: str, test: bool, home: Path, centre: int | None = None) -> Pairs:
    """image_CHW (raw) and label_HW (class codes, no_label) of the training or the test part, by stem.

    home: keeps simulated worlds, and makes those that it lacks. centre: only that many px of the middle of each.
    """
    pairs = _worlds(test, home / "simulated") if name == SIMULATED else _pictures(SETS[name], test)
    return {stem: (middle(image_CHW, centre), middle(label_HW, centre)) for stem, (image_CHW, label_HW) in pairs}


def _worlds(test: bool, folder: Path) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    from pipeline.training.area_kinds import Simulated
    from pipeline.training.prepare import load_areas

    seeds = TEST_WORLDS if test else TRAINED_WORLDS
    areas = Simulated(kind="simulated", seeds=list(seeds), kilometres=KILOMETRES)
    pairs, _ = load_areas(areas, folder, lambda *step: None)
    return zip((f"world-{seed}" for seed in seeds), pairs, strict=True)


def _pictures(known: LabelledSet, test: bool) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    folder = Path(os.environ.get("IDGBR_DATA", "")) / known.name
    if not os.environ.get("IDGBR_DATA") or not folder.is_dir():
        sys.exit(
            f"the set {known.name} is not there: IDGBR_DATA must name a folder with {known.name}/images and "
            f"{known.name}/labels"
        )
    for path in sorted((folder / "images").iterdir()):
        if known.is_test(path.stem) != test:
            continue
        image_CHW = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
        raw_HW = np.asarray(Image.open(folder / "labels" / f"{path.stem}.png"))
        label_HW = (raw_HW > known.grey).astype(np.uint8) if known.grey is not None else raw_HW.copy()
        label_HW[np.isin(label_HW, known.ignored)] = known.no_label
        yield path.stem, (image_CHW, label_HW)


def middle(array: np.ndarray, side: int | None) -> np.ndarray:
    """The middle `side` px of the last two axes; all of it for None."""
    if side is None:
        return array
    y, x = (max(0, (length - side) // 2) for length in array.shape[-2:])
    return array[..., y : y + side, x : x + side]
